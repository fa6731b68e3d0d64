"""What the measurements come to, as Markdown: one table for each, and the pages that hold them.

A page holds a table between two comments that name it. What was measured last is kept in `docs/figures/bench.json`, and
the pages follow from that.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.cold_start import BUDGET as COLD_BUDGET
from benchmarks.peers.__main__ import report as of_peers

from careconnect_admin.project import PROJECT

FIGURES: Final = PROJECT / "docs" / "figures" / "bench.json"
PAGES: Final = (PROJECT / "docs" / "performance.md", PROJECT / "README.md")

Rows = Sequence[Mapping[str, Any]]


def kept() -> dict[str, Any]:
    """Return what was measured last, by the name of the measurement."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


def with_tables(page: str, figures: Mapping[str, Any]) -> str:
    """Return a page with the tables that it holds as the figures are."""
    for name, table in TABLES.items():
        begin, end = f"<!-- bench: {name} -->", f"<!-- end of {name} -->"
        text = f"{begin}\n\n{table(figures).rstrip()}\n\n{end}"
        page = re.sub(f"{begin}.*?{end}", lambda _, text=text: text, page, flags=re.DOTALL)  # type: ignore[misc]
    return page


def write_pages(figures: Mapping[str, Any], pages: Sequence[Path] = PAGES) -> None:
    """Write the figures into each page."""
    for page in pages:
        page.write_text(with_tables(page.read_text(encoding="utf-8"), figures), encoding="utf-8")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


def _spread(one: Mapping[str, float]) -> str:
    return f"{one['least']:.2f} (+{one['median'] - one['least']:.2f})"


def machine(figures: Mapping[str, Any]) -> str:
    """Return a sentence on the machine, and on how much the same work varied there."""
    one = figures["machine"]
    cpu, wall = (one[kind] for kind in ("cpu", "wall"))
    return (
        f"Python {one['python']} on {one['processors']} processors ({one['architecture']}), load {one['load']}"
        f" meanwhile. The same work there took {cpu['least']:.2f} ms of CPU at least, {cpu['median']:.2f} as the median"
        f" and {cpu['p95']:.2f} at the 95th percentile; by the clock {wall['least']:.2f}, {wall['median']:.2f} and"
        f" {wall['p95']:.2f}."
    )


def own_cpu(figures: Mapping[str, Any]) -> str:
    """Return the table of what a warm call costs beside its bare calls."""
    heads = [
        "request",
        "calls of AWS",
        "CPU, ms",
        "its bare calls, ms",
        "ratio",
        "budget",
        "by our client, ms",
        "ratio",
    ]
    return _table(heads, [_own(row) for row in figures["own_cpu"]])


def _own(row: Mapping[str, Any]) -> list[str]:
    ratio = row["own"]["least"] / row["bare"]["least"]
    missed = "" if ratio <= row["budget"] else ", missed"
    return [
        row["name"],
        str(len(row["calls"])),
        *(_spread(row[kind]) for kind in ("own", "bare")),
        f"**{ratio:.2f}**",
        f"{row['budget']:.2f}{missed}",
        _spread(row["ours"]),
        f"{row['own']['least'] / row['ours']['least']:.2f}",
    ]


def cold_start(figures: Mapping[str, Any]) -> str:
    """Return the table of what a cold start costs beside what its job needs."""
    heads = ["function", "CPU, ms", "what its job needs, ms", "ratio", "budget", "modules", "memory, MB"]
    return _table(heads, [_cold(row) for row in figures["cold_start"]])


def _cold(row: Mapping[str, Any]) -> list[str]:
    missed = "" if row["ratio"] <= COLD_BUDGET else ", missed"
    return [
        row["function"],
        f"{row['ours']:.0f} ±{row['ours_spread']:.0f}",
        f"{row['reference']:.0f} ±{row['reference_spread']:.0f}",
        f"**{row['ratio']:.2f}**",
        f"{COLD_BUDGET:.2f}{missed}",
        f"{row['modules']} of {row['reference_modules']}",
        f"{row['rss']:.0f} of {row['reference_rss']:.0f}",
    ]


def growth(figures: Mapping[str, Any]) -> str:
    """Return the table of pages in a small table and in a large one."""
    sizes = [int(size) for size in figures["growth"]["sizes"]]
    small, large = sizes[0], sizes[-1]
    heads = ["page", f"{small:,}: p50 | p95", f"{large:,}: p50 | p95", "ratio", f"units {small:,}", f"{large:,}"]
    heads = [part for head in heads for part in head.split(" | ")]
    rows = []
    for row in figures["growth"]["pages"]:
        times = [row["milliseconds"][str(size)] for size in (small, large)]
        ratio = "–" if row["ratio"] is None else f"{row['ratio']:.2f}"
        name = row["name"] + ("" if row["page"] == "first" else ", later page")
        cells = [f"{one[kind]:.1f}" for one in times for kind in ("p50", "p95")]
        units = [f"{row['units'][str(size)]:.1f}" for size in (small, large)]
        rows.append([name, *cells, ratio, *units])
    return _table(heads, rows)


def peers(figures: Mapping[str, Any]) -> str:
    """Return the tables of ours beside its peers."""
    return of_peers(figures["peers"])


def summary(figures: Mapping[str, Any]) -> str:
    """Return the table of the README: the budgets, and what each comes to."""
    own = {row["name"]: row for row in figures["own_cpu"]}
    groups = {
        "Read of a resource": [name for name in own if name.startswith("read")],
        "Page of a search": [name for name in own if name.startswith("search")],
        "Token": ["token"],
        "Authorizer": ["authorizer"],
        "Write": [name for name in own if name.startswith("write")],
    }
    rows = []
    for name, members in groups.items():
        ratios = [own[one]["own"]["least"] / own[one]["bare"]["least"] for one in members]
        cpu = [own[one]["own"]["least"] for one in members]
        budget = own[members[0]]["budget"]
        rows.append([name, _range(cpu, ".1f", " ms"), _range(ratios, ".2f"), _held(max(ratios), budget)])
    cold = figures["cold_start"]
    starts = _range([row["ours"] for row in cold], ".0f", " ms")
    ratios = [row["ratio"] for row in cold]
    rows.append(["Cold start", starts, _range(ratios, ".2f"), _held(max(ratios), COLD_BUDGET)])
    return _table(["", "CPU", "of what AWS's client alone takes", "budget"], rows)


def _range(values: Sequence[float], form: str, unit: str = "") -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def _held(ratio: float, budget: float) -> str:
    return f"{budget:.2f}" + ("" if round(ratio, 2) <= budget else ", missed")


TABLES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "machine": machine,
    "own_cpu": own_cpu,
    "cold_start": cold_start,
    "growth": growth,
    "peers": peers,
    "summary": summary,
}
