"""The site as the build has left it beside the package: one page, and files whose names hold their content's hash."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""All of them text: the API answers nothing binary, and the gateway compresses text."""


class SiteError(Exception):
    """There is no page: the function was packaged without its build. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the site: its text and its Content-Type."""

    text: str
    media_type: str


class BuiltSite:
    """The site in `folder`: `index.html`, and `assets`, of which only what is there at the start is ever read."""

    def __init__(self, folder: Path) -> None:
        self._page = folder / "index.html"
        self._paths = {path.name: path for path in (folder / "assets").glob("*") if path.suffix in _MEDIA_TYPES}
        self._assets: dict[str, Asset] = {}

    def page(self) -> str:
        """Return the page, with placeholders for what differs between deployments; raises `SiteError`."""
        try:
            return self._page.read_text(encoding="utf-8")
        except OSError:
            raise SiteError("the site is not built") from None

    def asset(self, name: str) -> Asset | None:
        """Return the file called `name`, or nothing if the build made none."""
        if name in self._paths and name not in self._assets:
            path = self._paths[name]
            self._assets[name] = Asset(path.read_text(encoding="utf-8"), _MEDIA_TYPES[path.suffix])
        return self._assets.get(name)
