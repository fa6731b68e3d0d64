"""The Care Connect sample: invented records, as data."""
