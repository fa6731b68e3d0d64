"""The errors that end a step."""


class TryAgainError(Exception):
    """A step could not be done now, and is to be repeated; the text is a service's error code."""


class ErasedError(Exception):
    """A version that the job has to hold was erased while it was read: the job cannot be exact any more."""


class OverError(Exception):
    """The job does not run any more: no step of it goes on."""
