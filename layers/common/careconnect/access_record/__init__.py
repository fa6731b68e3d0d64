"""The audit trail: its events and how they are kept (`audit.md`)."""
