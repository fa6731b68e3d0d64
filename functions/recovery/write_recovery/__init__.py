"""The Lambda function that ends multi-step writes: what they hold is released, and what was cut off is undone."""
