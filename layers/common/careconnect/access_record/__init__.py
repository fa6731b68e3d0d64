"""The chain that seals the audit trail (`audit.md`)."""
