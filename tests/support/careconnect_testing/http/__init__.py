"""Requests to and responses of the deployed API, and events like API Gateway's."""
