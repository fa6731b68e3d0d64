"""Serve AuditEvent: read and search the audit trail."""
