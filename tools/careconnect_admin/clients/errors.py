"""The errors of registering clients and of ending their tokens."""

from careconnect_admin.errors import OperatorError


class RegistrationError(OperatorError):
    """A client cannot be registered or changed; the text says why."""


class TokensLiveOnError(OperatorError):
    """Tokens could not be ended; `code` is that of the service's error."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the tokens live on, as DynamoDB does not answer as it should ({code}): try again")
        self.code = code
