"""DynamoDB: requests, item keys and the format of a table."""
