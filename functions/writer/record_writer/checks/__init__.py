"""Checks of a resource before it is written: validity, compartment, references."""
