"""The store interfaces of the reader, and their DynamoDB implementations."""
