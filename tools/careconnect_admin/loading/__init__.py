"""Load FHIR resources: read, validate, plan, write."""
