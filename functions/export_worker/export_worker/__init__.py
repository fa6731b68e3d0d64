"""The Lambda function that does the steps of bulk exports: it reads the store at one instant, and writes files."""
