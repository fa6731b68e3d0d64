"""Erase a patient: the record, all its versions, and what others refer to it by (ADR 48)."""
