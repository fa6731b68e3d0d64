"""The authorization server's endpoints: issues, introspects and revokes access tokens."""
