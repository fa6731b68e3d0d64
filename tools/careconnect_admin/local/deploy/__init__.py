"""Package and deploy the template on the emulator."""
