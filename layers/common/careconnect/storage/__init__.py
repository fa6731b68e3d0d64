"""DynamoDB: calls, item keys and the format of a table."""
