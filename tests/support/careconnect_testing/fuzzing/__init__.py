"""Fuzzing: inputs made up from a seed, the functions that parse them, and the promise that each answer keeps."""
