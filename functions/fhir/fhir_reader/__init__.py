"""Read and search FHIR resources: the package of PatientRecordFunction and DirectoryFunction."""
