"""The audit trail: its events, what they may say of a request, and where they are kept (`audit.md`)."""
