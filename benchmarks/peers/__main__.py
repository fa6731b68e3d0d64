"""Ours beside FHIR Works on AWS and node-oidc-provider: what they take to load, and the CPU of a read and of a token.

    python -m benchmarks.peers

Installs the peers from their lock if they are not there. Takes about a minute.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.peers.measure import ROUNDS, STARTS, peers


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print tables, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--starts", type=int, default=STARTS, help="starts of fresh processes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of warm calls")
    asked = parser.parse_args(arguments)
    rows = peers(asked.starts, asked.rounds)
    print(json.dumps(rows, indent=2) if asked.json else report(rows))


def report(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as Markdown: a table for each peer, and where ours is not ahead.

    In the tables stand medians, with the lowest and the highest in brackets.
    """
    lines: list[str] = []
    for subject, of_peer in groupby(rows, lambda row: row["subject"]):
        group = list(of_peer)
        lines += [f"{subject}:", "", *_table(group), "", *_compared(group), ""]
    return "\n".join(lines)


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each variant, with a column for each measure."""
    measures = dict.fromkeys(row["measure"] for row in rows)
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        for variant, figures in zip(row["variants"], (row["ours"], row["theirs"]), strict=True):
            cells.setdefault(variant, {})[row["measure"]] = _shown(figures, row["unit"])
    lines = [f"| | {' | '.join(measures)} |", f"|---{'|---' * len(measures)}|"]
    lines += (
        f"| {variant} | {' | '.join(cells[variant].get(measure, '') for measure in measures)} |"
        for variant in sorted(cells, key=lambda name: name.startswith("theirs"))
    )
    return lines


def _compared(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each comparison: what ours takes in parts of theirs, and what it is not ahead in."""
    lines = []
    for (variants, note), of_pair in groupby(rows, lambda row: (row["variants"], row["note"])):
        group = list(of_pair)
        ahead, behind = (
            ", ".join(f"{row['measure']} {row['ratio']:.2f}" for row in group if (row["ratio"] < 1) is is_ahead)
            for is_ahead in (True, False)
        )
        both = " / ".join(variants)
        lines.append(f"- {both}: {note}. Ahead: {ahead or 'nothing'}. Not ahead: {behind or 'nothing'}.")
    return lines


def _shown(spread: Mapping[str, float], unit: str) -> str:
    median, low, high = (f"{spread[name]:g}" for name in ("median", "low", "high"))
    return f"{median} {unit}" + ("" if low == high else f" ({low} to {high})")


if __name__ == "__main__":
    main()
