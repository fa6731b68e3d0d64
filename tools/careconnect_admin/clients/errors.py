"""The errors of client registration and token revocation."""

from careconnect_admin.errors import OperatorError


class RegistrationError(OperatorError):
    """A client cannot be registered or changed; the text is the reason."""


class TokensLiveOnError(OperatorError):
    """Tokens could not be revoked; `code` is the AWS error code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the tokens live on, as DynamoDB does not answer as it should ({code}): try again")
        self.code = code
