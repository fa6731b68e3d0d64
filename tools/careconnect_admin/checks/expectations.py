"""What a check expects of an answer, and how it says what it saw instead: without any secret or token."""

from typing import Any, Final

import httpx

# By this name API Gateway hands on the header of a Lambda proxy.
_RENAMED: Final = "x-amzn-remapped-www-authenticate"


class CheckError(Exception):
    """A check does not hold; the text says what was seen, without any secret or token."""


class LimitError(CheckError):
    """A check does not hold for a reason that is known and documented (docs/deploy.md)."""


class SkippedError(CheckError):
    """A check was left out, since this client's scopes do not allow what it would do."""


def json_of(answer: httpx.Response) -> Any:
    """Return the parsed body; raises `CheckError` if it is not JSON."""
    try:
        return answer.json()
    except ValueError:
        raise CheckError(f"the body of the {answer.status_code} is not JSON") from None


def expect(answer: httpx.Response, status: int) -> None:
    """Expect a status; raises `CheckError`."""
    if answer.status_code != status:
        raise CheckError(f"{answer.status_code} instead of {status}")


def expect_outcome(answer: httpx.Response, status: int, code: str) -> None:
    """Expect a status and an OperationOutcome whose first issue has that code; raises `CheckError`."""
    expect(answer, status)
    body = json_of(answer)
    if body.get("resourceType") != "OperationOutcome" or body["issue"][0]["code"] != code:
        raise CheckError(f"the body of the {status} is not an OperationOutcome with the code {code}")


def expect_challenge(answer: httpx.Response, scheme: str, error: str = "") -> None:
    """Expect a WWW-Authenticate of that scheme, with that error or without any.

    Raises `CheckError`, or `LimitError` if API Gateway has renamed the header.
    """
    challenge = answer.headers.get("WWW-Authenticate")
    if challenge is None and answer.headers.get(_RENAMED):
        raise LimitError(f"API Gateway has renamed it to {_RENAMED}: serve a custom domain (docs/deploy.md)")
    if challenge is None:
        raise CheckError("there is no WWW-Authenticate")
    named = f'error="{error}"' in challenge if error else "error=" not in challenge
    if not challenge.startswith(f"{scheme} ") or not named:
        raise CheckError(f"WWW-Authenticate is {challenge}")
