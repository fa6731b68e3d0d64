"""The stack that a command works on: found, signed in to, and what AWS's refusals mean to an operator."""
