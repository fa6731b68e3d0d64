"""Save the measured curve in `docs/figures`, draw it, and show its summary in `docs/performance.md`."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from benchmarks.report import table
from benchmarks.scale.drawing import Line, Panel, drawing

from careconnect_admin.project import PROJECT

FIGURES: Final = PROJECT / "docs" / "figures" / "scale.json"
DRAWING: Final = PROJECT / "docs" / "figures" / "scale.svg"
PAGE: Final = PROJECT / "docs" / "performance.md"
BEGIN: Final = "<!-- scale: `python -m benchmarks.scale --write` -->"
END: Final = "<!-- end of scale -->"

_FLAT, _SETTLED, _REFUSED = "#2563eb", "#d97706", "#dc2626"
_MIDDLE: Final = 100_000
_COUNTS: Final = ("calls", "trips", "units")
_TOO_COSTLY: Final = 400

Curve = Mapping[str, Any]
"""The `sizes`, and of each search by name a list of each figure of its costs, by size."""


@cache
def saved() -> Curve:
    """Return the curve that was measured last."""
    curve: Curve = json.loads(FIGURES.read_text(encoding="utf-8"))
    return curve


def text_of(curve: Curve) -> str:
    """Return the curve as JSON, with a line for each search."""
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(costs)}" for name, costs in curve["searches"].items())
    return f'{{\n "sizes": {json.dumps(curve["sizes"])},\n "searches": {{\n{rows}\n }}\n}}\n'


def settled_at(curve: Curve, name: str) -> int:
    """Return the least size from which on the calls, round trips and units of a search stay the same."""
    costs = curve["searches"][name]
    counts = list(zip(*(costs[one] for one in _COUNTS), strict=True))
    sizes: Sequence[int] = curve["sizes"]
    return next(size for place, size in enumerate(sizes) if len(set(counts[place:])) == 1)


def is_refused(curve: Curve, name: str) -> bool:
    """Return True if a search of the largest population is too costly."""
    return bool(curve["searches"][name]["status"][-1] == _TOO_COSTLY)


def drawn(curve: Curve) -> str:
    """Return the curve as SVG."""
    first = curve["sizes"][0]

    def lines(figure: str) -> Sequence[Line]:
        found = []
        for name, costs in curve["searches"].items():
            refused = is_refused(curve, name)
            colour = _REFUSED if refused else _FLAT if settled_at(curve, name) == first else _SETTLED
            found.append(Line(name, costs[figure], colour, refused))
        return sorted(found, key=lambda line: line.colour == _FLAT, reverse=True)

    legend = [
        (_FLAT, "the same at every size"),
        (_SETTLED, "the same beyond a size"),
        (_REFUSED, "refused beyond a size"),
    ]
    return drawing(
        curve["sizes"],
        [Panel("Read units of a page", lines("units")), Panel("CPU of a page, ms", lines("cpu"))],
        legend,
    )


def summary(curve: Curve) -> str:
    """Return the table of the searches, by the size from which on they cost the same."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(curve["searches"], key=lambda one: (is_refused(curve, one), settled_at(curve, one))):
        size = settled_at(curve, name)
        group = "refused" if is_refused(curve, name) else f"{size:,}" if size <= _MIDDLE else "more"
        groups[group].append(name)
    rows = []
    for group, names in groups.items():
        costs = [curve["searches"][name] for name in names]
        ranges = [_range([cost[figure][-1] for cost in costs]) for figure in ("trips", "units", "cpu")]
        rows.append((group, ", ".join(names) if group == "refused" else len(names), *ranges))
    return table(["the same from", "searches", "round trips", "read units", "CPU, ms"], rows)


def with_summary(page: str, curve: Curve) -> str:
    """Return a page with its summary between its two comments."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{summary(curve)}\n\n{END}{after}"


def write(curve: Curve) -> None:
    """Save a curve, draw it, and renew the page."""
    FIGURES.write_text(text_of(curve), encoding="utf-8")
    saved.cache_clear()
    DRAWING.write_text(drawn(curve), encoding="utf-8")
    PAGE.write_text(with_summary(PAGE.read_text(encoding="utf-8"), curve), encoding="utf-8")


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:.1f}".removesuffix(".0") for value in (min(values), max(values)))
    return low if low == high else f"{low}–{high}"
