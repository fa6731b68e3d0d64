"""The API's Lambda authorizer: verifies an access token and says which paths it opens."""
