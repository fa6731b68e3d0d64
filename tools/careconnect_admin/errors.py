"""The one error that every command ends in, apart from all that a command is made of."""


class OperatorError(Exception):
    """A command cannot do what it was asked; the text is one line with the reason or the remedy."""
