"""Read the JSON and XML of a request strictly."""
