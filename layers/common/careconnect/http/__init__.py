"""HTTP as API Gateway brings it: requests, responses, errors, the base URL and conditional reads."""
