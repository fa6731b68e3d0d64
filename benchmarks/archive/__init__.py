"""A report over millions of archived audit events, by the plain reader of the archive's objects."""
