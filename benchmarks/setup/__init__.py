"""Tables, functions and answers to measure with."""
