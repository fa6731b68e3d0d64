"""The code that the writers and the loader share: parsing, validation, items, and writes of FHIR resources."""
