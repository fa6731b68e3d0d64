"""`careconnect smoke`: check a deployment from outside, and say what only a real one can show."""

import os
import sys
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from careconnect_admin.checks.smoke import CHECKS, Check, CheckError, LimitError, Service

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_FAILED: Final = 1
_USAGE: Final = 2


def smoke(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The service's root URL: the stack's output BaseUrl.")],
) -> None:
    """Check a deployment by a client's journey; CLIENT_ID and CLIENT_SECRET come from the environment."""
    service = _service(base)
    local = urlsplit(base).hostname in _LOOPBACK
    failed = 0
    unproven = []
    for check in CHECKS:
        result, detail = _result(check, service)
        failed += result == "FAILED"
        if check.edge and (local or result != "ok"):
            unproven.append(f"  {check.edge}: {check.name}")
        print(f"{result:<7} {check.name}{f': {detail}' if detail else ''}", flush=True)
    if unproven:
        print("\nOnly a real deployment can show this; this run has not:" if local else "\nNot shown by this run:")
        print("\n".join(unproven))
    print(f"\n{len(CHECKS)} checks, {failed} failed")
    if failed:
        raise typer.Exit(_FAILED)


def _service(base: str) -> Service:
    try:
        client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
    except KeyError as missing:
        print(f"careconnect: set {missing.args[0]}, of a client from `careconnect clients add`", file=sys.stderr)
        raise typer.Exit(_USAGE) from None
    if urlsplit(base).scheme not in {"http", "https"} or not urlsplit(base).hostname:
        print("careconnect: BASE must be the root URL of the service: https://…", file=sys.stderr)
        raise typer.Exit(_USAGE)
    return Service(base.rstrip("/"), client_id, secret)


def _result(check: Check, service: Service) -> tuple[str, str]:
    try:
        check.run(service)
    except LimitError as error:
        return "limit", str(error)
    except CheckError as error:
        return "FAILED", str(error)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        # The answer lacks what every answer of the service has.
        return "FAILED", f"an answer of an unexpected form ({type(error).__name__})"
    return "ok", ""
