"""The parameters of a form post, three of which may be in the query (`oauth.md`, The page's call)."""

from collections.abc import Mapping
from typing import Final

from careconnect.http.messages import FORM, BodyError, BodyFault, Request, is_utf8
from token_issuer.errors import invalid_request

MAX_BODY: Final = 8192
_FROM_QUERY: Final = frozenset({"grant_type", "client_id", "scope"})
_NEVER_FROM_QUERY: Final = frozenset({"client_secret", "client_assertion", "token"})
_MAX_PARAMETERS: Final = 100


def read_parameters(request: Request) -> Mapping[str, str]:
    """Return the parameters by name; an empty one counts as omitted (RFC 6749 §3.2).

    Raises the `invalid_request` error for a body that is over `MAX_BODY` bytes or not a form, for a name sent twice, in
    the body, in the query or across both, and for a credential in the query, where logs would store it.
    """
    form = _form(request)
    if not is_utf8(request.query):
        raise invalid_request("The query is not UTF-8.", reason="not UTF-8")
    if any(name in _NEVER_FROM_QUERY and value for name, value in request.query):
        raise invalid_request("Credentials and tokens belong in the body.", reason="credential in the query")
    names = [name for name, _ in (*form, *request.query)]
    if len(set(names)) != len(names):
        raise invalid_request("A parameter is repeated: send each once.", reason="repeated parameter")
    parameters = dict(form) | {name: value for name, value in request.query if name in _FROM_QUERY}
    return {name: value for name, value in parameters.items() if value}


def check_client_id(client_id: str, parameters: Mapping[str, str]) -> None:
    """Raise the `invalid_request` error unless `client_id` is absent or the authenticated client's."""
    if parameters.get("client_id", client_id) != client_id:
        raise invalid_request(
            "The client_id is not the authenticated client's: leave it out.", reason="client_id differs"
        )


_FAULTS: Final = {
    BodyFault.MEDIA_TYPE: (f"The content type must be {FORM}.", "content type"),
    BodyFault.SIZE: ("The body is over 8 KB.", "body over the limit"),
    BodyFault.ENCODING: ("The body is not valid base64.", "body"),
    BodyFault.CHARSET: ("The body is not UTF-8.", "not UTF-8"),
    BodyFault.FORM: ("The body is not a valid form.", "form"),
}


def _form(request: Request) -> list[tuple[str, str]]:
    try:
        return request.form(max_bytes=MAX_BODY, max_parameters=_MAX_PARAMETERS)
    except BodyError as error:
        description, reason = _FAULTS[error.fault]
        raise invalid_request(description, reason=reason) from None
