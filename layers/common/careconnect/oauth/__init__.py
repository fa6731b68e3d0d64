"""OAuth: clients, scopes, access tokens, the keys that sign them, and the caller they identify."""
