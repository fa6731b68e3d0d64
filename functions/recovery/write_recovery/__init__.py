"""The Lambda function that removes the intents of ended multi-step writes, and aborts abandoned writes."""
