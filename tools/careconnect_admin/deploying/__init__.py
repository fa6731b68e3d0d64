"""Check a deployment's answers before `sam deploy` gets them."""
