"""The service on this machine: the embedded emulator, the template deployed on it, and the local proxy."""
