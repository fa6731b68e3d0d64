"""The OpenAPI document, generated from the table of types, the scopes and the definitions of STU3."""
