"""FHIR STU3's definitions, and validation against them."""
