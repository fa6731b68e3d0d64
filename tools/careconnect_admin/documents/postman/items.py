"""The items of a Postman collection: folders, requests and their authorization."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

FHIR_JSON: Final = "application/fhir+json"
FHIR_XML: Final = "application/fhir+xml"
FORM: Final = "application/x-www-form-urlencoded"

Json = dict[str, Any]
Pairs = Sequence[tuple[str, str]]

_VARIABLE: Final = re.compile(r"(\{\{\w+\}\})")
_TOKEN_NAME: Final = "OAuth2-PatientAccess"
NO_AUTH: Final[Json] = {"type": "noauth"}


def client_credentials() -> Json:
    """Return Postman's own OAuth 2.0, with the settings of the Care Connect page's table.

    The collection's first request stores `accessToken`, for unattended runs. *Get New Access Token* replaces it.
    """
    return _auth(
        "oauth2",
        grant_type="client_credentials",
        tokenName=_TOKEN_NAME,
        accessTokenUrl="{{base}}/token",
        clientId="{{clientId}}",
        clientSecret="{{clientSecret}}",
        scope="",
        client_authentication="header",
        addTokenTo="header",
        headerPrefix="Bearer",
        tokenType="Bearer",
        accessToken="{{accessToken}}",
    )


def basic(prefix: str) -> Json:
    """Return the authorization by a client of the environment; its variables there begin with `prefix`."""
    return _auth("basic", username=f"{{{{{prefix}Id}}}}", password=f"{{{{{prefix}Secret}}}}")


def bearer(variable: str) -> Json:
    """Return the authorization by the token in a variable of the collection."""
    return _auth("bearer", token=f"{{{{{variable}}}}}")


def _auth(kind: str, **settings: str) -> Json:
    return {
        "type": kind,
        kind: [{"key": key, "value": value, "type": "string"} for key, value in settings.items()],
    }


def folder(name: str, items: Sequence[Json], auth: Json | None = None) -> Json:
    """Return a folder; `auth` applies to all its requests."""
    folder: Json = {"name": name, "item": list(items)}
    return folder | {"auth": auth} if auth else folder


def request(
    name: str,
    path: str,
    tests: Iterable[str],
    *,
    query: Pairs = (),
    method: str = "GET",
    accept: str = FHIR_JSON,
    headers: Pairs = (),
    form: Pairs | None = None,
    body: str | None = None,
    auth: Json | None = None,
    description: str = "",
    before: Iterable[str] = (),
) -> Json:
    """Return one request; `query` and `form` hold decoded values, `body` a text, `description` is Markdown.

    `tests` is the script that tests the response, `before` the one that runs before the request.
    """
    pairs = [(key, _encoded(value)) for key, value in query]
    raw = "{{base}}" + path + ("?" + "&".join(f"{key}={value}" for key, value in pairs) if pairs else "")
    url: Json = {"raw": raw, "host": ["{{base}}"], "path": path.removeprefix("/").split("/")}
    if pairs:
        url["query"] = [{"key": key, "value": value} for key, value in pairs]
    request: Json = {
        "method": method,
        "header": [{"key": key, "value": value} for key, value in (("Accept", accept), *headers)],
        "url": url,
    }
    if form is not None:
        request["body"] = {
            "mode": "urlencoded",
            "urlencoded": [{"key": key, "value": value, "type": "text"} for key, value in form],
        }
    if body is not None:
        request["body"] = {"mode": "raw", "raw": body}
    if auth:
        request["auth"] = auth
    if description:
        request["description"] = description
    scripts = {"test": list(tests), "prerequest": list(before)}
    events = [
        {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}
        for listen, lines in scripts.items()
        if lines
    ]
    return {"name": name, "request": request, "response": [], "event": events}


def _encoded(value: str) -> str:
    """Return a query's value URL-encoded, except Postman's variables: API Gateway refuses a raw `|`."""
    return "".join(part if part.startswith("{{") else quote(part, safe="") for part in _VARIABLE.split(value))
