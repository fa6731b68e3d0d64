"""Archive the audit trail from its stream, and verify the trail against the archive."""
