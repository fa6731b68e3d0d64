"""The errors that commands end in, apart from all that a command is made of."""


class OperatorError(Exception):
    """A command cannot do what it was asked; the text is one line with the reason or the remedy."""


class SettingError(OperatorError):
    """What was asked for cannot be, whatever is done about the rest; the text begins with the setting's name."""


class OtherFormatError(OperatorError):
    """The tables are laid out otherwise than this release has it, or are being reindexed (ADR 31)."""

    def __init__(self) -> None:
        super().__init__(
            "the stack's tables have another format than this release, or are being reindexed: "
            "deploy and use one release, and run `careconnect reindex`"
        )
