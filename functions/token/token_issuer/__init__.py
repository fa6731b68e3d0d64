"""The authorization server's endpoints: issue, introspect and revoke access tokens."""
