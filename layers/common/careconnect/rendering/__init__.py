"""Resources and Bundles as text."""
