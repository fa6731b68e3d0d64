"""The error rows of /token's answers table, for unit tests and for tests over HTTP (`oauth.md`)."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careconnect_testing.parts.issuer import basic

CLIENT_ID = "client-1"
"""The rows' registered client; it may have `profile` and `patient/` and `user/Patient.read`."""

RIGHT = "{right}"
"""Placeholder for the right secret, or for the header with it."""

GRANT = {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class Row:
    """One request and its expected error; `over_http` is False if only an event can hold the request."""

    name: str
    status: int
    error: str
    form: Any
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] | str = field(default_factory=dict)
    over_http: bool = True

    def pairs(self, secret: str) -> list[tuple[str, str]]:
        """Return the form, with the right secret in place of the placeholder."""
        pairs = self.form.items() if isinstance(self.form, dict) else self.form
        return [(name, secret if value == RIGHT else value) for name, value in pairs]

    def asked(self, secret: str) -> list[tuple[str, str]]:
        """Return the query, with the right secret in place of the placeholder."""
        return [(name, secret if value == RIGHT else value) for name, value in self.query]

    def sent(self, secret: str) -> dict[str, str]:
        """Return the headers, with the right secret in place of the placeholder."""
        return basic(CLIENT_ID, secret) if isinstance(self.headers, str) else dict(self.headers)


def basic_header(text: str | bytes) -> dict[str, str]:
    """Return the Authorization header of the Basic scheme over any text or bytes."""
    raw = text.encode() if isinstance(text, str) else text
    return {"Authorization": "Basic " + base64.b64encode(raw).decode()}


ROWS = (
    Row("no client authentication", 401, "invalid_client", form=GRANT),
    Row("only a client id", 401, "invalid_client", form={**GRANT, "client_id": "client-1"}),
    Row(
        "empty Authorization and secret count as none",
        401,
        "invalid_client",
        form={**GRANT, "client_secret": ""},
        headers={"Authorization": " "},
        over_http=False,
    ),
    Row("unknown client", 401, "invalid_client", form=GRANT, headers=basic("nobody", "x")),
    Row(
        "unknown client with an impossible id",
        401,
        "invalid_client",
        form=GRANT,
        headers=basic_header("n\x00 é" * 500 + ":x"),
    ),
    Row("wrong secret", 401, "invalid_client", form=GRANT, headers=basic("client-1", "wrong")),
    Row("empty secret", 401, "invalid_client", form=GRANT, headers=basic("client-1", "")),
    Row("secret without an id", 401, "invalid_client", form={**GRANT, "client_secret": "x"}),
    Row("not base64", 401, "invalid_client", form=GRANT, headers={"Authorization": "Basic a*b"}),
    Row("base64 with stray padding", 401, "invalid_client", form=GRANT, headers={"Authorization": "Basic YTpi===="}),
    Row("base64url", 401, "invalid_client", form=GRANT, headers={"Authorization": "Basic YTo_Pz8-"}),
    Row(
        "a letter that is ASCII only without its case",
        401,
        "invalid_client",
        form=GRANT,
        headers={"Authorization": "Basic ſKKK"},
        over_http=False,
    ),
    Row("no colon", 401, "invalid_client", form=GRANT, headers=basic_header("client-1")),
    Row("no id before the colon", 401, "invalid_client", form=GRANT, headers=basic_header(":secret")),
    Row("not UTF-8", 401, "invalid_client", form=GRANT, headers=basic_header(b"\xff\xfe:x")),
    Row("form-encoded to what is not UTF-8", 401, "invalid_client", form=GRANT, headers=basic_header("client-1:%ff")),
    Row(
        "two Authorization headers in one",
        401,
        "invalid_client",
        form=GRANT,
        headers={"Authorization": "Basic YTpi,Basic YTpi"},
    ),
    Row("another scheme", 401, "invalid_client", form=GRANT, headers={"Authorization": "Bearer x"}),
    Row("a scheme alone", 401, "invalid_client", form=GRANT, headers={"Authorization": "Basic"}),
    Row(
        "Basic and a posted secret",
        400,
        "invalid_request",
        form={**GRANT, "client_id": "client-1", "client_secret": RIGHT},
        headers=RIGHT,
    ),
    Row("Basic and an assertion", 400, "invalid_request", form={**GRANT, "client_assertion": "a.b.c"}, headers=RIGHT),
    Row(
        "Basic and an assertion type",
        400,
        "invalid_request",
        form={**GRANT, "client_assertion_type": "x"},
        headers=RIGHT,
    ),
    Row(
        "a posted secret and an assertion",
        400,
        "invalid_request",
        form={**GRANT, "client_secret": RIGHT, "client_assertion": "a.b.c"},
    ),
    Row("another client_id in the body", 400, "invalid_request", form={**GRANT, "client_id": "other"}, headers=RIGHT),
    Row(
        "another client_id in the query",
        400,
        "invalid_request",
        form=GRANT,
        query=[("client_id", "other")],
        headers=RIGHT,
    ),
    Row("no grant type", 400, "invalid_request", form={}, headers=RIGHT),
    Row("an empty grant type", 400, "invalid_request", form={"grant_type": ""}, headers=RIGHT),
    Row("another grant type", 400, "unsupported_grant_type", form={"grant_type": "password"}, headers=RIGHT),
    Row(
        "a grant type in another case",
        400,
        "unsupported_grant_type",
        form={"grant_type": "Client_Credentials"},
        headers=RIGHT,
    ),
    Row(
        "scope malformed: two spaces",
        400,
        "invalid_scope",
        form={**GRANT, "scope": "profile  profile"},
        headers=RIGHT,
    ),
    Row("scope malformed: a quote", 400, "invalid_scope", form={**GRANT, "scope": 'pro"file'}, headers=RIGHT),
    Row("scope malformed: a space alone", 400, "invalid_scope", form={**GRANT, "scope": " "}, headers=RIGHT),
    Row("scope unknown", 400, "invalid_scope", form={**GRANT, "scope": "profile user/Toaster.read"}, headers=RIGHT),
    Row("scope in another case", 400, "invalid_scope", form={**GRANT, "scope": "user/patient.read"}, headers=RIGHT),
    Row(
        "scope beyond the registration",
        400,
        "invalid_scope",
        form={**GRANT, "scope": "profile user/Observation.read"},
        headers=RIGHT,
    ),
    Row(
        "scope of another level",
        400,
        "invalid_scope",
        form={**GRANT, "scope": "system/Patient.read"},
        headers=RIGHT,
    ),
    Row("scope to write", 400, "invalid_scope", form={**GRANT, "scope": "user/Patient.write"}, headers=RIGHT),
    Row(
        "scope with a parameter suffix",
        400,
        "invalid_scope",
        form={**GRANT, "scope": "user/Patient.rs?gender=male"},
        headers=RIGHT,
    ),
    Row("repeated in the body", 400, "invalid_request", form=[*GRANT.items(), *GRANT.items()], headers=RIGHT),
    Row(
        "repeated in the query",
        400,
        "invalid_request",
        form=GRANT,
        query=[("scope", "profile"), ("scope", "profile")],
        headers=RIGHT,
    ),
    Row("repeated across both", 400, "invalid_request", form=GRANT, query=list(GRANT.items()), headers=RIGHT),
    Row(
        "repeated, once empty",
        400,
        "invalid_request",
        form=[*GRANT.items(), ("scope", ""), ("scope", "profile")],
        headers=RIGHT,
    ),
    Row(
        "repeated, of no meaning",
        400,
        "invalid_request",
        form=[*GRANT.items(), ("x", "1"), ("x", "2")],
        headers=RIGHT,
    ),
    Row(
        "client_secret in the query",
        400,
        "invalid_request",
        form=GRANT,
        query=[("client_secret", RIGHT), ("client_id", "client-1")],
    ),
    Row(
        "client_secret in the query, all else right",
        400,
        "invalid_request",
        form=GRANT,
        query=[("client_secret", "x")],
        headers=RIGHT,
    ),
    Row(
        "client_assertion in the query",
        400,
        "invalid_request",
        form=GRANT,
        query=[("client_assertion", "a.b.c")],
        headers=RIGHT,
    ),
    Row("token in the query", 400, "invalid_request", form=GRANT, query=[("token", "a.b.c")], headers=RIGHT),
    Row(
        "half a surrogate pair",
        400,
        "invalid_request",
        form=GRANT,
        query=[("client_id", "\ud800")],
        headers=RIGHT,
        over_http=False,
    ),
)
