"""The errors that end a command, in a module without other imports."""


class OperatorError(Exception):
    """A command cannot continue; the text is one line with the reason or the remedy."""


class SettingError(OperatorError):
    """A setting has a value that cannot work; the text begins with the setting's name."""


class OtherFormatError(OperatorError):
    """The tables have another format than this release expects, or a reindex is running (ADR 31)."""

    def __init__(self) -> None:
        super().__init__(
            "the stack's tables have another format than this release, or are being reindexed: "
            "deploy and use one release, and run `careconnect reindex`"
        )
