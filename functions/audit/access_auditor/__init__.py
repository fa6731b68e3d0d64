"""Answer AuditEvent: read the audit trail and search it."""
