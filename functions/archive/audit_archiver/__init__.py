"""Archive the audit trail from its stream, and verify that the trail is as it was archived."""
