"""The one error of the rules of registration."""

from careconnect_admin.errors import OperatorError


class RegistrationError(OperatorError):
    """A client cannot be registered or changed; the text says why."""
