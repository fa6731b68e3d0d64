"""Expectations of a check on a response. Their error texts contain no secret or token."""

from typing import Any, Final

import httpx

# API Gateway renames the WWW-Authenticate header of a Lambda proxy to this.
_RENAMED: Final = "x-amzn-remapped-www-authenticate"


class CheckError(Exception):
    """A check failed; the text describes the response, without any secret or token."""


class LimitError(CheckError):
    """A check failed for a known reason that is documented in docs/deploy.md."""


class SkippedError(CheckError):
    """A check was skipped because this client's scopes do not allow its requests."""


def json_of(answer: httpx.Response) -> Any:
    """Return the parsed body of a response; raises `CheckError` if it is not JSON."""
    try:
        return answer.json()
    except ValueError:
        raise CheckError(f"the body of the {answer.status_code} is not JSON") from None


def expect(answer: httpx.Response, status: int) -> None:
    """Raise `CheckError` unless the response has the status."""
    if answer.status_code != status:
        raise CheckError(f"{answer.status_code} instead of {status}")


def expect_outcome(answer: httpx.Response, status: int, code: str) -> None:
    """Raise `CheckError` unless the status matches and the first issue of the OperationOutcome has the code."""
    expect(answer, status)
    body = json_of(answer)
    if body.get("resourceType") != "OperationOutcome" or body["issue"][0]["code"] != code:
        raise CheckError(f"the body of the {status} is not an OperationOutcome with the code {code}")


def expect_challenge(answer: httpx.Response, scheme: str, error: str = "") -> None:
    """Raise `CheckError` unless WWW-Authenticate has the scheme, and the error (or none if `error` is empty).

    Raises `LimitError` if API Gateway has renamed the header.
    """
    challenge = answer.headers.get("WWW-Authenticate")
    if challenge is None and answer.headers.get(_RENAMED):
        raise LimitError(f"API Gateway has renamed it to {_RENAMED}: serve a custom domain (docs/change.md)")
    if challenge is None:
        raise CheckError("there is no WWW-Authenticate")
    named = f'error="{error}"' in challenge if error else "error=" not in challenge
    if not challenge.startswith(f"{scheme} ") or not named:
        raise CheckError(f"WWW-Authenticate is {challenge}")
