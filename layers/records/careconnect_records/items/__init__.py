"""The DynamoDB items of a resource: body, index record, index entries, locks and counts."""
