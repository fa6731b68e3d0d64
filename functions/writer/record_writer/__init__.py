"""Create, update, patch and delete FHIR resources, each in one transaction on its stored version (ADR 25)."""
