"""`careconnect smoke`: check a deployment from outside, and point out the checks that only a real one proves."""

import os
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from careconnect_admin.commands.shared.on_stack import operator_errors
from careconnect_admin.commands.shared.service_access import DpopKeyOption, kept_key
from careconnect_admin.commands.shared.terminal import remark, say

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_FAILED: Final = 1
_USAGE: Final = 2


def smoke(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The service's root URL, the stack's output BaseUrl.")],
    dpop_key: DpopKeyOption = None,
) -> None:
    """Check a deployment with a client's requests. The environment has to set CLIENT_ID and CLIENT_SECRET.

    With --dpop-key all of its tokens are bound to that key.
    """
    # Imported here, so that `careconnect --help` stays fast.
    from careconnect_admin.checks.expectations import CheckError
    from careconnect_admin.checks.service import Service
    from careconnect_admin.checks.smoke import BOUND_CHECKS, CHECKS, Result, run_check
    from careconnect_admin.clients.token_request import http_client

    client_id, secret, host = _client(base)
    with operator_errors():
        key = None if dpop_key is None else kept_key(dpop_key)
    checks = CHECKS if key is None else (*CHECKS, *BOUND_CHECKS)
    local = host in _LOOPBACK
    failed = 0
    unproven = []
    with http_client("careconnect-smoke") as http:
        service = Service(base.rstrip("/"), client_id, secret, http, key)
        try:
            service.call(f"{service.fhir}/metadata")
        except CheckError as error:
            # Reported once here, not for each check.
            remark(f"careconnect: {base}: {error}: BASE is the stack's output BaseUrl")
            raise typer.Exit(_FAILED) from None
        for check in checks:
            result, detail = run_check(check, service)
            failed += result is Result.FAILED
            if check.edge and (local or result is not Result.OK):
                unproven.append(f"  {check.edge}: {check.name}")
            say(f"{result:<7} {check.name}{f': {detail}' if detail else ''}")
    if unproven:
        say("", "Only a real deployment can show this; this run has not:" if local else "Not shown by this run:")
        say(*unproven)
    say("", f"{len(checks)} checks, {failed} failed")
    if failed:
        raise typer.Exit(_FAILED)


def _client(base: str) -> tuple[str, str, str]:
    """Return the client's id and secret from the environment, and the host of `base`."""
    try:
        client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
    except KeyError as missing:
        remark(f"careconnect: set {missing.args[0]}, of a client from `careconnect clients add`")
        raise typer.Exit(_USAGE) from None
    try:
        url = urlsplit(base)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in {"http", "https"} or not url.hostname:
        remark("careconnect: BASE must be the root URL of the service: https://…")
        raise typer.Exit(_USAGE)
    return client_id, secret, url.hostname
