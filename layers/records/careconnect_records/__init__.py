"""What all that write FHIR resources must agree on: what is valid, and the items that a resource becomes."""
