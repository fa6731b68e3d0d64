"""Draw what pages take at the smallest and the largest size as an SVG of horizontal bars, readable light and dark."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

_WIDTH: Final = 960
_NAMES: Final = 235
_PANEL: Final = 330
_GAP: Final = 30
_ROW: Final = 30
_TOP: Final = 84
_BAR: Final = 10
_LABEL: Final = 40

STYLE: Final = """
  .ground { fill: #ffffff } .rule { stroke: #d0d7de } .small { fill: #9a6700 } .large { fill: #0969da }
  .limit { stroke: #cf222e }
  text { fill: #1f2328; font: 12px system-ui, sans-serif } .head { font-weight: 600; font-size: 14px }
  .value { font-size: 10px } .name { text-anchor: end } .inside { fill: #ffffff; text-anchor: end }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .rule { stroke: #3d444d } .small { fill: #d29922 } .large { fill: #58a6ff }
    .limit { stroke: #ff7b72 } text { fill: #f0f6fc } .inside { fill: #0d1117 }
  }
"""

Figures = Mapping[str, Any]


def chart(results: Sequence[Figures], sizes: Sequence[int]) -> str:
    """Return the chart of the p50 of each kind of page: first pages on the left, later ones on the right."""
    kinds = list(dict.fromkeys(str(one["name"]) for one in results))
    found = {(one["name"], one["page"]): one["milliseconds"] for one in results}
    ends = (sizes[0], sizes[-1])
    longest = max(times[str(size)]["p50"] for times in found.values() for size in ends)
    height = _TOP + _ROW * len(kinds) + 16
    title = f"Milliseconds of a page (p50) with {ends[0]:,} and with {ends[1]:,} patients"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
        text(16, 26, title, "head"),
        *_legend(ends),
        *(
            text(left, 72, heading, "head")
            for left, heading in ((_left("first"), "First page"), (_left("later"), "Later page"))
        ),
    ]
    for place, name in enumerate(kinds):
        top = _TOP + _ROW * place
        lines.append(text(_NAMES - 10, top + 15, name.replace("`", ""), "name"))
        for page in ("first", "later"):
            if times := found.get((name, page)):
                lines += _bars(_left(page), top, [times[str(size)]["p50"] for size in ends], longest)
    for page in ("first", "later"):
        x = _left(page)
        lines.append(f'<line class="rule" x1="{x}" y1="{_TOP - 4}" x2="{x}" y2="{height - 12}"/>')
    return "\n".join([*lines, "</svg>", ""])


def _left(page: str) -> int:
    return _NAMES + (0 if page == "first" else _PANEL + _GAP)


def _legend(ends: Sequence[int]) -> Iterator[str]:
    for place, (kind, size) in enumerate(zip(("small", "large"), ends, strict=True)):
        x = 16 + place * 150
        yield f'<rect class="{kind}" x="{x}" y="38" width="{_BAR}" height="{_BAR}"/>'
        yield text(x + 16, 48, f"{size:,} patients", "")


def _bars(left: int, top: int, values: Sequence[float], longest: float) -> Iterator[str]:
    for place, (kind, value) in enumerate(zip(("small", "large"), values, strict=True)):
        y = top + 2 + place * (_BAR + 1)
        width = max(1, round(value / longest * (_PANEL - _LABEL), 1))
        yield f'<rect class="{kind}" x="{left}" y="{y}" width="{width}" height="{_BAR}"/>'
        yield text(left + width + 4, y + 9, f"{value:.1f}", "value")


def text(x: float, y: float, words: str, kind: str) -> str:
    """Return a text at a place, of one of the style's kinds."""
    return f'<text x="{x:g}" y="{y}" class="{kind}">{escape(words)}</text>'
