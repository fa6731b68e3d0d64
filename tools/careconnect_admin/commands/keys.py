"""`careconnect keys`: list, rotate and retire the signing keys of a stack."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import JsonOption, key_ring, on_stack
from careconnect_admin.commands.shared.progress import count_down
from careconnect_admin.commands.shared.terminal import remark, say_json

if TYPE_CHECKING:
    from careconnect_admin.signing.key_ring import KeyRing, KeyState
    from careconnect_admin.stack.target import StackTarget

app = typer.Typer(
    name="keys",
    help="List, rotate and retire the keys that sign access tokens.",
    no_args_is_help=True,
)


@app.command("list")
@on_stack
def list_(
    target: "StackTarget",
    as_json: JsonOption = False,
) -> None:
    """List the keys. The current key signs; all listed keys are published and trusted."""
    _print(key_ring(target), as_json=as_json)


@app.command("rotate")
@on_stack
def rotate_(
    target: "StackTarget",
    now: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Publish the key for seconds only, which suffices for this service's own functions. Others that cache "
            "the published key set may refuse new tokens until they fetch it again.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create a new key, publish it, and let it sign once every cache can have it. No request fails meanwhile.

    It takes six minutes. If it is interrupted, run it again. A second rotation at the same time waits for the same key.
    """
    from careconnect_admin.signing.key_ring import PUBLICATION_SECONDS, SHORT_PUBLICATION_SECONDS, rotate

    ring = key_ring(target)
    wait = SHORT_PUBLICATION_SECONDS if now else PUBLICATION_SECONDS
    rotate(
        ring,
        wait=wait,
        sleep=lambda seconds: count_down(seconds, "It signs in"),
        tell=remark,
    )
    _print(ring, as_json=as_json)


@app.command()
@on_stack
def retire(
    target: "StackTarget",
    force: Annotated[
        bool, typer.Option("--force", help="Retire it even if its tokens are still valid: they are refused at once.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop trusting the previous key once all its tokens have expired, and schedule its deletion in KMS."""
    ring = key_ring(target)
    key_id, deletion = ring.retire(now=time.time(), force=force)
    remark(f"Retired {key_id}; KMS deletes it on {deletion:%Y-%m-%d} unless that is cancelled")
    _print(ring, as_json=as_json)


def _print(ring: "KeyRing", *, as_json: bool) -> None:
    states = ring.list()
    if as_json:
        say_json([_shown(state) for state in states])
        return
    rows = [
        (shown["place"], shown["kid"], shown["key_id"], shown["state"], shown["since"] or "")
        for shown in map(_shown, states)
    ]
    print_table(("place", "kid", "key id", "state", "since"), rows)


def _shown(state: "KeyState") -> dict[str, Any]:
    return {
        "place": state.place,
        "kid": state.kid,
        "key_id": state.key_id,
        "state": state.state,
        "since": state.since.isoformat(timespec="seconds") if state.since else None,
    }
