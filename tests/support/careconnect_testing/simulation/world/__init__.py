"""The world of a run: AWS, the gateway and the deployed functions, in memory."""
