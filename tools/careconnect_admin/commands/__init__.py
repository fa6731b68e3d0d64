"""The commands of `careconnect`: each reads its options, calls one of the other packages and prints the result."""
