"""FHIR STU3: the table of types, paths, OperationOutcomes, formats and Bundles."""
