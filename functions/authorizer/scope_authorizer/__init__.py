"""The API's Lambda authorizer: verify an access token and return a policy for the paths that it permits."""
