"""The audit trail: its events, the details of a request that they may record, and their store (`audit.md`)."""
