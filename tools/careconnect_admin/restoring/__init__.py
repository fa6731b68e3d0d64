"""Restore the record, directory and reference tables of a deployed stack to a point in time (ADR 40)."""
