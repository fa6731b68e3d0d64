"""The signing keys: publish, promote, retire."""
