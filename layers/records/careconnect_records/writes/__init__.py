"""Plan the writes of resources, and do them in DynamoDB transactions."""
