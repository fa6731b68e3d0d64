"""Draw what ours takes beside what AWS's client takes alone, as SVG of horizontal bars, readable light and dark."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import chart as growth_chart
from benchmarks.chart import STYLE, text
from benchmarks.cold_start import BUDGET

from careconnect_admin.project import PROJECT

_IMAGES: Final = PROJECT / "docs" / "images"
_WIDTH: Final = 760
_NAMES: Final = 270
_ROW: Final = 34
_TOP: Final = 68
_BAR: Final = 11
_MARGIN: Final = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """What ours and the other take, and the most that ours may, in milliseconds of CPU."""

    name: str
    ours: float
    other: float
    most: float


def write_charts(figures: Mapping[str, Any]) -> None:
    """Draw the warm calls, the cold starts and the pages of large tables, where they were measured."""
    if own := figures.get("own_cpu"):
        bars = [
            Bar(row["name"], row["own"]["least"], row["bare"]["least"], row["budget"] * row["bare"]["least"])
            for row in own
        ]
        title = "A warm request: milliseconds of CPU"
        (_IMAGES / "own-cpu.svg").write_text(chart(title, ("all of it", "its calls by boto3 alone"), bars), "utf-8")
    if cold := figures.get("cold_start"):
        bars = [Bar(row["function"], row["ours"], row["reference"], BUDGET * row["reference"]) for row in cold]
        title = "A cold start: milliseconds of CPU"
        (_IMAGES / "cold-start.svg").write_text(chart(title, ("the function", "what its job needs"), bars), "utf-8")
    if grown := figures.get("growth"):
        (_IMAGES.parent / "search-at-scale.svg").write_text(growth_chart.chart(grown["pages"], grown["sizes"]), "utf-8")


def chart(title: str, legend: tuple[str, str], bars: Sequence[Bar]) -> str:
    """Return the chart; a thin line stands where a bar of ours has to end."""
    height = _TOP + _ROW * len(bars) + 8
    longest = max(max(bar.ours, bar.other, bar.most) for bar in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
        text(16, 26, title, "head"),
        *_legend(legend),
    ]
    for place, bar in enumerate(bars):
        lines += _drawn(bar, _TOP + _ROW * place, (_WIDTH - _NAMES - _MARGIN) / longest)
    return "\n".join([*lines, "</svg>", ""])


def _legend(legend: tuple[str, str]) -> Iterator[str]:
    for kind, name, x in zip(("large", "small"), legend, (16, 150), strict=True):
        yield f'<rect class="{kind}" x="{x}" y="40" width="{_BAR}" height="{_BAR}"/>'
        yield text(x + 17, 50, name, "")
    yield '<line class="limit" x1="350" y1="38" x2="350" y2="54"/>'
    yield text(358, 50, "the budget", "")


def _drawn(bar: Bar, top: int, scale: float) -> Iterator[str]:
    yield text(_NAMES - 10, top + 17, bar.name.replace("`", ""), "name")
    for kind, value, y in (("large", bar.ours, top + 2), ("small", bar.other, top + 14)):
        width = max(1, round(value * scale, 1))
        yield f'<rect class="{kind}" x="{_NAMES}" y="{y}" width="{width}" height="{_BAR}"/>'
        yield text(_NAMES + width - 4, y + 9, f"{value:.1f}" if value < 20 else f"{value:.0f}", "value inside")
    x = round(_NAMES + bar.most * scale, 1)
    yield f'<line class="limit" x1="{x}" y1="{top}" x2="{x}" y2="{top + 27}"/>'
