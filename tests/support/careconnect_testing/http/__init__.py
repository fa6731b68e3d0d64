"""Requests and answers of the deployed API, and events like API Gateway's."""
