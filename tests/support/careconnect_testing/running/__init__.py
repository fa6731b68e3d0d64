"""Test execution by pytest: cases, scheduling, seeded faults."""
