"""The errors that commands end in, apart from all that a command is made of."""


class OperatorError(Exception):
    """A command cannot do what it was asked; the text is one line with the reason or the remedy."""


class SettingError(OperatorError):
    """What was asked for cannot be, whatever is done about the rest; the text begins with the setting's name."""
