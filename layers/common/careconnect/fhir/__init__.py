"""FHIR STU3: the one table of types, paths, OperationOutcomes, formats and Bundles."""
