"""Load FHIR resources: read, validate, extract what is searched by, render, write."""
