"""The built site next to the package: one page, and files with their content's hash in their names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""Only text: the API serves nothing binary, and the gateway compresses text."""


class SiteError(Exception):
    """There is no page: the function was packaged without its build. The message is for the log."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the site: its text and its Content-Type."""

    text: str
    media_type: str


class BuiltSite:
    """The site in `folder`: `index.html` and `assets`. Only assets that exist at the start are ever read."""

    def __init__(self, folder: Path) -> None:
        self._page = folder / "index.html"
        self._paths = {path.name: path for path in (folder / "assets").glob("*") if path.suffix in _MEDIA_TYPES}
        self._assets: dict[str, Asset] = {}

    def page(self) -> str:
        """Return the page, with placeholders for deployment-specific values; raises `SiteError`."""
        try:
            return self._page.read_text(encoding="utf-8")
        except OSError:
            raise SiteError("the site is not built") from None

    def asset(self, name: str) -> Asset | None:
        """Return the file called `name`, or None if the build created none."""
        if name in self._paths and name not in self._assets:
            path = self._paths[name]
            self._assets[name] = Asset(path.read_text(encoding="utf-8"), _MEDIA_TYPES[path.suffix])
        return self._assets.get(name)
