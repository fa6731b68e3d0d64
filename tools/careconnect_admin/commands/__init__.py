"""The commands of `careconnect`, one module each: options in, one use of the other rooms, text out."""
