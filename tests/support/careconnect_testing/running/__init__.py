"""How pytest runs the tests: cases, scheduling, seeded faults."""
