"""Write what one DynamoDB transaction does not take, all or nothing, and visible at one moment (ADR 43)."""
