"""The Postman collection (format 2.1) and its environment for a local run, generated from the table of types."""
