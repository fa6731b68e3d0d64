"""DynamoDB's expressions: parsed once each, into functions of an item, the names and the values."""
