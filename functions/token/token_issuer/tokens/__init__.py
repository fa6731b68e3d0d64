"""Issue, introspect and revoke access tokens."""
