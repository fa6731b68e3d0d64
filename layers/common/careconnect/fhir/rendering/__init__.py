"""Resources and Bundles as JSON and XML text."""
