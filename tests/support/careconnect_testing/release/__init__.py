"""Checks of a release: licences, advisories and the bill of materials."""
