"""The service on this machine: the embedded emulator, the template deployed on it, the front before it."""
