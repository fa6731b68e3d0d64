"""Writes FHIR resources: creates, updates, patches and deletes them, each whole and on what is there (ADR 25)."""
