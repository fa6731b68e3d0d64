"""Show the figures of `make bench` as Markdown tables, in the pages that hold them.

A page holds a table between two comments that name it. The figures are those of `docs/figures/bench.json`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import BENCH, bench
from benchmarks.measurements.cold_start import BUDGET as COLD_BUDGET

from careconnect_admin.project import PROJECT

PAGES: Final = (PROJECT / "docs" / "performance.md", PROJECT / "README.md")

LATER: Final = ", later page"

Figures = Mapping[str, Any]


def keep(figures: Figures) -> None:
    """Save the figures of some parts, and leave those of other parts as they are."""
    BENCH.write_text(f"{json.dumps({**bench(), **figures}, indent=1)}\n", encoding="utf-8")
    bench.cache_clear()


def with_tables(page: str, figures: Figures) -> str:
    """Return a page with its tables created from the figures."""
    for name, made in TABLES.items():
        begin, end = f"<!-- bench: {name} -->", f"<!-- end of {name} -->"
        text = f"{begin}\n\n{made(figures)}\n\n{end}"
        page = re.sub(f"{begin}.*?{end}", lambda _, text=text: text, page, flags=re.DOTALL)  # type: ignore[misc]
    return page


def write_pages(pages: Sequence[Path] = PAGES) -> None:
    """Write the tables into each page."""
    for page in pages:
        page.write_text(with_tables(page.read_text(encoding="utf-8"), bench()), encoding="utf-8")


def ratio_of(row: Figures) -> float:
    """Return the CPU of a warm request as a multiple of its bare calls."""
    ratio: float = row["own"]["least"] / row["bare"]["least"]
    return ratio


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (heads, ["---"] * len(heads), *rows))


def machine(figures: Figures) -> str:
    """Return a sentence on the machine and its noise."""
    one = figures["machine"]
    cpu = one["cpu"]
    return (
        f"Python {one['python']}, {one['processors']} processors ({one['architecture']}), load {one['load']}; the same"
        f" work took {cpu['least']:.2f} ms, or {cpu['p95']:.2f} ms in one run of twenty."
    )


def own_cpu(figures: Figures) -> str:
    """Return the table of warm requests and their bare calls."""
    rows = [
        (
            row["name"],
            *(f"{row[kind]['least']:.2f}" for kind in ("own", "bare")),
            *_judged(ratio_of(row), row["budget"]),
        )
        for row in figures["own_cpu"]
    ]
    return table(["request", "CPU, ms", "bare calls, ms", "ratio", "budget"], rows)


def cold_start(figures: Figures) -> str:
    """Return the table of cold starts and their references."""
    rows = [
        (row["function"], f"{row['ours']:.0f}", f"{row['reference']:.0f}", *_judged(row["ratio"], COLD_BUDGET),
         f"{row['rss']:.0f}")
        for row in figures["cold_start"]
    ]  # fmt: skip
    return table(["function", "CPU, ms", "its imports, ms", "ratio", "budget", "memory, MB"], rows)


def layers(figures: Figures) -> str:
    """Return the table of the layers' sizes."""
    return table(["layer", "MB"], [(f"`{name}`", size) for name, size in figures["layers"].items()])


def growth(figures: Figures) -> str:
    """Return the table of pages in a small table and in a large one; all later pages are one row."""
    heads = ["page", *(f"{size:,}: ms" for size in figures["growth"]["sizes"]), "ratio"]
    later = [row for row in figures["growth"]["pages"] if row["name"].endswith(LATER)]
    rows = [
        (row["name"], *(f"{time:.1f}" for time in row["milliseconds"]),
         "–" if row["ratio"] is None else f"{row['ratio']:.2f}")
        for row in figures["growth"]["pages"] if row not in later
    ]  # fmt: skip
    times = [_spread([row["milliseconds"][place] for row in later], ".1f") for place in range(2)]
    ratios = _spread([row["ratio"] for row in later if row["ratio"] is not None], ".2f")
    return table(heads, [*rows, ("later pages", *times, ratios)])


def exports(figures: Figures) -> str:
    """Return the table of bulk exports."""
    heads = ["of", "stored", "exported", "calls", "read units", "write units", "CPU, s", "ratio", "memory, MB", "USD"]
    rows = [
        (
            row["kind"],
            *(f"{row[name]:,.0f}" for name in ("stored", "exported", "calls", "reads", "writes")),
            f"{row['cpu']:.2f}",
            f"{row['rate']:.2f}" if row["bare"] else "",
            f"{row['megabytes']:.0f}",
            f"{row['dollars']:.4f}",
        )
        for row in figures["exports"]
    ]
    return table(heads, rows)


def archive(figures: Figures) -> str:
    """Return the table of reports over the archive."""
    heads = ["days", "events of the days", "found", "lists", "objects", "MB", "s", "CPU, s", "memory, MB"]
    whole = max(row["days"] for row in figures["archive"])
    rows = [
        (
            row["days"],
            f"{row['events'] * row['days'] // whole:,}",
            *(f"{row[name]:,.0f}" for name in ("found", "lists", "objects", "megabytes")),
            *(f"{row[name]:.1f}" for name in ("seconds", "cpu")),
            f"{row['rss']:.0f}",
        )
        for row in figures["archive"]
    ]
    return table(heads, rows)


def peers(figures: Figures) -> str:
    """Return the table of ours and the peers."""
    rows = [
        (row["measure"], row["peer"], f"{row['ours']:g}", f"{row['theirs']:g}", f"{row['ours'] / row['theirs']:.2f}")
        for row in figures["peers"]
    ]
    return table(["", "peer", "ours", "theirs", "ratio"], rows)


_PARTS_OF_A_READ: Final[Mapping[str, tuple[str, str]]] = {
    "GetItem": ("`GetItem`", "the AWS client: endpoint rules, request, signature, retries, as the peer's"),
    "audit event": (
        "audit event",
        "the same client for the insert, and a second thread: in the request's own it would be one round trip more",
    ),
    "log line": ("log line", "Powertools' `Logger`"),
    "pinning": ("pinning the threads", "saves more where there are several processors ([ADR 29](adr/0029-speed.md))"),
    "rest": ("all else of ours", "event, interaction, scopes, disclosure, rendering"),
    "whole": ("**in all**", ""),
    "alike": ("without audit event and log line", "as much as the peer does, and scopes"),
}


def read_parts(figures: Figures) -> str:
    """Return the table of the parts of a warm read."""
    found = figures["read_parts"]
    rows = [(name, f"{found[part]:.2f}", why) for part, (name, why) in _PARTS_OF_A_READ.items()]
    return table(["part", "CPU, ms", "what is in it, and why it stays"], rows)


def summary(figures: Figures) -> str:
    """Return the table of the README: each budget and its limit."""
    rows = figures["own_cpu"]
    groups = {
        "Read of a resource": [row for row in rows if row["name"].startswith("read") and not _is_bound(row)],
        "Read by a bound token": [row for row in rows if _is_bound(row)],
        "Page of a search": [row for row in rows if row["name"].startswith("search")],
        "Token": [row for row in rows if row["name"] == "token"],
        "Authorizer": [row for row in rows if row["name"] == "authorizer"],
        "Write": [row for row in rows if row["name"].startswith("write")],
    }
    lines = [
        _summed(name, [(row["own"]["least"], ratio_of(row)) for row in group], ".1f", group[0]["budget"])
        for name, group in groups.items()
    ]
    cold = [(row["ours"], row["ratio"]) for row in figures["cold_start"]]
    starts = _summed("Cold start", cold, ".0f", COLD_BUDGET)
    return table(["", "CPU", "of what AWS's client alone takes", "budget"], [*lines, starts])


def _is_bound(row: Figures) -> bool:
    return "bound token" in row["name"]


def _summed(name: str, measured: Sequence[tuple[float, float]], form: str, budget: float) -> Sequence[str]:
    cpu, ratios = zip(*measured, strict=True)
    _, held = _judged(max(ratios), budget)
    return [name, _range(cpu, form, " ms"), _range(ratios, ".2f"), held]


def _judged(ratio: float, budget: float) -> tuple[str, str]:
    return f"{ratio:.2f}", f"{budget:.2f}" + ("" if round(ratio, 2) <= budget else ", missed")


def _spread(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}}–{max(values):{form}}" if values else "–"


def _range(values: Sequence[float], form: str, unit: str = "") -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


TABLES: Final[Mapping[str, Callable[[Figures], str]]] = {
    "machine": machine,
    "own_cpu": own_cpu,
    "cold_start": cold_start,
    "layers": layers,
    "growth": growth,
    "exports": exports,
    "archive": archive,
    "peers": peers,
    "read_parts": read_parts,
    "summary": summary,
}
