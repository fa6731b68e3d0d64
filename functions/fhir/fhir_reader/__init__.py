"""Reads and searches FHIR resources: the artefact behind PatientRecordFunction and DirectoryFunction."""
