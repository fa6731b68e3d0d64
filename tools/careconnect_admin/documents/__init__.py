"""The generated documents: OpenAPI, Postman, docs/api.md."""
