"""The SAM CLI's containers on the emulator's tables."""
