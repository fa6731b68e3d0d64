"""A move is done whole or not at all, and changes nothing but whose the resources are (ADR 49)."""

from collections.abc import Mapping
from typing import Any

from careconnect_admin.moving.refiled import refiled
from careconnect_testing.simulation.ledger import Commit, Ledger, Moved
from careconnect_testing.simulation.world.names import BASE
from careconnect_testing.simulation.world.system import BrokenPromiseError


def check_moves(ledger: Ledger) -> None:
    """Check all moves of a run; raises `BrokenPromiseError`."""
    for move in ledger.moves:
        keys = set(move.made)
        if keys not in ([set(move.keys)] if move.is_done else [set(), set(move.keys)]):
            raise BrokenPromiseError(f"of a move of {sorted(move.keys)} {sorted(keys)} were moved")
        places = sorted(commit.place for commit in move.made.values())
        if places and places[-1] - places[0] != len(places) - 1:
            raise BrokenPromiseError(f"{sorted(keys)} were moved at different moments")
        for commit in move.made.values():
            former = ledger.commits[commit.key][commit.version - 2]
            if commit.content is None or _bare(commit.content) != _refiled(former, move):
                raise BrokenPromiseError(f"version {commit.version} of {commit.key} is not the former one, moved")
            if (former.patients, commit.patients) != ((move.former,), (move.patient,)):
                raise BrokenPromiseError(f"{commit.key} went from {former.patients} to {commit.patients}")


def _refiled(commit: Commit, move: Moved) -> Any:
    content = _bare(commit.content or {})
    return refiled(content, f"Patient/{move.former}", f"Patient/{move.patient}", base_url=BASE)


def _bare(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "meta"}
