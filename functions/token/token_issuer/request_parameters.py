"""The parameters of a form post, three of which may stand in the query (`oauth.md`, The page's call)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from careconnect.http import Request
from token_issuer.errors import invalid_request

MAX_BODY: Final = 8192
_FORM: Final = "application/x-www-form-urlencoded"
_FROM_QUERY: Final = frozenset({"grant_type", "client_id", "scope"})
_NEVER_FROM_QUERY: Final = frozenset({"client_secret", "client_assertion", "token"})
_MOST_PARAMETERS: Final = 100


def read_parameters(request: Request) -> Mapping[str, str]:
    """Return the parameters by name; one sent empty counts as omitted (RFC 6749 §3.2).

    Raises the `invalid_request` error for a body that is over `MAX_BODY` bytes or no form, for a name sent
    twice, in one place or across both, and for a credential in the query, where logs would keep it.
    """
    form = _form(request)
    if any(name in _NEVER_FROM_QUERY and value for name, value in request.query):
        raise invalid_request("Credentials and tokens belong in the body.", reason="credential in the query")
    names = [name for name, _ in (*form, *request.query)]
    if len(set(names)) != len(names):
        raise invalid_request("A parameter is repeated.", reason="repeated parameter")
    parameters = dict(form) | {name: value for name, value in request.query if name in _FROM_QUERY}
    if not all(_is_unicode(value) for value in parameters.values()):
        raise invalid_request("The parameters are not valid UTF-8.", reason="not UTF-8")
    return {name: value for name, value in parameters.items() if value}


def _form(request: Request) -> list[tuple[str, str]]:
    if len(request.body) > MAX_BODY:
        raise invalid_request("The body is over 8 KB.", reason="body over the limit")
    if request.media_type != _FORM and (request.media_type or request.body):
        raise invalid_request(f"The content type must be {_FORM}.", reason="content type")
    try:
        return parse_qsl(
            request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise invalid_request("The body is not a valid form.", reason="form") from None


def _is_unicode(value: str) -> bool:
    # An event's JSON can hold half of a surrogate pair.
    return not any("\ud800" <= character <= "\udfff" for character in value)
