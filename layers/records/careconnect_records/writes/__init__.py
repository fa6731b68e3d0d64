"""Write resources in DynamoDB transactions."""
