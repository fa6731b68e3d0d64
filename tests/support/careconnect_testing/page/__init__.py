"""The console's page in a browser, and its sources under Node."""
