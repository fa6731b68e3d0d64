"""A response over HTTP, from a function's app or from the deployed API."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

GATEWAY_CHALLENGE = (
    'Bearer realm="careconnect", error="invalid_token", DPoP realm="careconnect", algs="ES256 PS256 EdDSA"'
)
"""The gateway's `WWW-Authenticate` to a request without a good token."""


@dataclass(frozen=True)
class Answer:
    """A server's response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> "Answer":
        """Return the response that a function gave to API Gateway."""
        assert response["isBase64Encoded"] is False
        return cls(response["statusCode"], response["headers"], response["body"])

    @classmethod
    def over_http(cls, response: httpx.Response) -> "Answer":
        """Return a response received over HTTP."""
        return cls(response.status_code, response.headers, response.text)

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The OAuth error code (RFC 6749 §5.2)."""
        return str(self.json["error"])

    @property
    def issue(self) -> dict[str, Any]:
        """The only issue of the OperationOutcome."""
        assert self.json["resourceType"] == "OperationOutcome"
        (issue,) = self.json["issue"]
        return dict(issue)

    @property
    def diagnostics(self) -> str:
        """The text of the OperationOutcome's only issue."""
        return str(self.issue["diagnostics"])

    @property
    def total(self) -> int | None:
        """The Bundle's total, None if it has none."""
        total = self.json.get("total")
        return None if total is None else int(total)

    def link(self, relation: str) -> str:
        """Return a link of the Bundle, empty if it has none."""
        return next((str(link["url"]) for link in self.json["link"] if link["relation"] == relation), "")

    def found(self, mode: str = "match") -> list[str]:
        """Return `Type/id` of the Bundle's entries of one search mode, in order."""
        return [
            f"{entry['resource']['resourceType']}/{entry['resource'].get('id', '')}"
            for entry in self.json.get("entry", ())
            if entry["search"]["mode"] == mode
        ]

    def ids(self, mode: str = "match") -> list[str]:
        """Return the ids of the Bundle's entries of one search mode, in order."""
        return [reference.partition("/")[2] for reference in self.found(mode)]
