"""Draw the cost of each kind of search against the number of patients, as SVG with logarithmic axes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 880
_HEIGHT: Final = 400
_TOP: Final = 64
_BOTTOM: Final = 352
_LEFTS: Final = (56, 496)
_PANEL: Final = 352


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of search: its name, its value at each size, its colour, and whether it is refused in the end."""

    name: str
    values: Sequence[float]
    colour: str
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of lines under a title."""

    title: str
    lines: Sequence[Line]


def drawing(sizes: Sequence[int], panels: Sequence[Panel], legend: Sequence[tuple[str, str]]) -> str:
    """Return two panels side by side, and a legend of (colour, text)."""
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {style}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *_legend(legend),
    ]
    for left, panel in zip(_LEFTS, panels, strict=True):
        parts += _panel(left, sizes, panel)
    return "\n".join([*parts, "</svg>", ""])


def _legend(legend: Sequence[tuple[str, str]]) -> Iterator[str]:
    for place, (colour, text) in enumerate(legend):
        left = _LEFTS[0] + place * 280
        yield f'<path d="M{left} 14h24" stroke="{colour}" stroke-width="3"/>'
        yield f'<text x="{left + 32}" y="18">{escape(text)}</text>'


def _panel(left: int, sizes: Sequence[int], panel: Panel) -> Iterator[str]:
    values = [value for line in panel.lines for value in line.values]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def across(size: float) -> float:
        return left + _PANEL * math.log10(size / sizes[0]) / math.log10(sizes[-1] / sizes[0])

    def down(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (math.log10(value) - low) / (high - low)

    yield f'<text x="{left}" y="{_TOP - 14}" font-weight="bold">{escape(panel.title)}</text>'
    for power in range(low, high + 1):
        y = down(10**power)
        yield f'<path d="M{left} {y:.1f}h{_PANEL}" stroke="#ddd"/>'
        yield f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,g}</text>'
    for size in sizes:
        yield f'<text x="{across(size):.1f}" y="{_BOTTOM + 20}" text-anchor="middle">{_power(size)}</text>'
    yield f'<text x="{left + _PANEL / 2:.1f}" y="{_BOTTOM + 40}" text-anchor="middle">patients</text>'
    for line in panel.lines:
        points = " ".join(
            f"{across(size):.1f},{down(value):.1f}" for size, value in zip(sizes, line.values, strict=True)
        )
        dashes = ' stroke-dasharray="5 3"' if line.is_refused else ""
        yield (
            f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="1.5" '
            f'stroke-opacity="0.6"{dashes}><title>{escape(line.name.replace("`", ""))}</title></polyline>'
        )


def _power(size: int) -> str:
    return f'10<tspan dy="-5" font-size="9">{round(math.log10(size))}</tspan>'
