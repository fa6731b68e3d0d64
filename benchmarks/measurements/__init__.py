"""Measurements of CPU, cold starts, growth, calls and stored bytes."""
