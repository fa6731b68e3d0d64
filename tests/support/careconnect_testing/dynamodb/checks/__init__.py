"""Generated calls, for comparing DynamoDB in memory with others' DynamoDB."""
