"""`careconnect keys`: list, rotate and retire the signing keys of a stack."""

import json
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from careconnect_admin.keys import PUBLICATION_SECONDS, SHORT_PUBLICATION_SECONDS, KeyRing, KeyState, rotate
from careconnect_admin.stack_target import (
    JsonOption,
    PortOption,
    ProfileOption,
    RegionOption,
    StackOption,
    operator_errors,
    stack_target,
)

app = typer.Typer(
    name="keys",
    help="List, rotate and retire the keys that sign access tokens.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys: the current one signs, all of them are published and trusted."""
    with operator_errors():
        _print(_ring(stack, region, profile, port), as_json=as_json)


@app.command("rotate")
def rotate_(
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help=f"Publish for {SHORT_PUBLICATION_SECONDS} s only, which this service's own functions need. Others "
            "that keep the published key set may refuse new tokens until they fetch it again.",
        ),
    ] = False,
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key, publish it, and let it sign once every cache can know it. No request fails meanwhile.

    Takes six minutes. If it is interrupted, run it again.
    """
    with operator_errors():
        ring = _ring(stack, region, profile, port)
        wait = SHORT_PUBLICATION_SECONDS if now else PUBLICATION_SECONDS
        rotate(ring, wait=wait, sleep=time.sleep, tell=lambda text: print(text, file=sys.stderr, flush=True))
        _print(ring, as_json=as_json)


@app.command()
def retire(
    force: Annotated[
        bool, typer.Option("--force", help="Now, though tokens that it signed live: they are refused at once.")
    ] = False,
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop trusting the previous key, once no token that it signed can be alive, and have KMS delete it."""
    with operator_errors():
        ring = _ring(stack, region, profile, port)
        key_id, deletion = ring.retire(now=time.time(), force=force)
        print(f"Retired {key_id}; KMS deletes it on {deletion:%Y-%m-%d} unless that is cancelled", file=sys.stderr)
        _print(ring, as_json=as_json)


def _ring(stack: str | None, region: str | None, profile: str | None, port: int | None) -> KeyRing:
    target = stack_target(stack, region=region, profile=profile, port=port)
    return KeyRing(target.client("kms"), target.output("SigningKeyAlias"))


def _print(ring: KeyRing, *, as_json: bool) -> None:
    states = ring.list()
    if as_json:
        print(json.dumps([_shown(state) for state in states], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for heading in ("place", "kid", "key id", "state", "since"):
        table.add_column(heading, no_wrap=True)
    for shown in map(_shown, states):
        table.add_row(shown["place"], shown["kid"], shown["key_id"], shown["state"], shown["since"] or "")
    # Wide enough for every id to stay in one piece, to be copied.
    Console(highlight=False, markup=False, width=10_000).print(table)


def _shown(state: KeyState) -> dict[str, Any]:
    return {
        "place": state.place,
        "kid": state.kid,
        "key_id": state.key_id,
        "state": state.state,
        "since": state.since.isoformat(timespec="seconds") if state.since else None,
    }
