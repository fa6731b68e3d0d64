"""A real browser at the console: the visible page, and the faults that must never happen in it."""

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from careconnect_admin.project import PROJECT

SCREENSHOTS: Final = PROJECT / "build" / "browser"
"""Screenshots of failed tests."""

_AXE: Final = PROJECT / "functions/console/web/node_modules/axe-core/axe.min.js"
# The first draws no window and needs half the processor time.
_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WATCH: Final = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (each) => {
  window.__violations.push(`${each.violatedDirective}: ${each.blockedURI}`);
});
"""
_LATE: Final = """
const later = window.setTimeout;
window.setTimeout = (run, milliseconds = 0, ...rest) => later(run, milliseconds + 400, ...rest);
window.requestAnimationFrame = (run) => later(() => run(performance.now()), 400);
window.cancelAnimationFrame = clearTimeout;
"""
# Chromium logs this for every response of 400 or more, whether the page expects it or not.
_OF_STATUS: Final = "Failed to load resource: the server responded with a status of"

EACH_LOOK: Final = pytest.mark.parametrize(("scheme", "width"), [("dark", 320), ("light", 768), ("light", 1280)])
"""Each scheme and each width once; colours do not depend on widths."""


def chromium() -> Path | None:
    """Return this machine's Chromium, or the one that CHROMIUM names; None if there is none."""
    named = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(named) if named else None


@dataclass
class Visit:
    """One tab at the console. `faults` are events that must not happen: errors, other origins, policy violations."""

    context: BrowserContext
    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @classmethod
    def begin(
        cls, browser: Browser, base: str, *, scheme: str = "light", width: int = 1280, height: int = 800
    ) -> "Visit":
        """Open an empty tab in its own browser context."""
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": height}
        )
        context.add_init_script(_WATCH)
        visit = cls(context, context.new_page(), base)
        visit.page.on("console", visit._said)
        visit.page.on("pageerror", lambda error: visit.faults.append(f"page error: {error}"))
        visit.page.on("request", visit._requested)
        return visit

    def paint_late(self) -> None:
        """Have the pages that are loaded from now on paint, and end waits, 0.4 seconds late."""
        self.page.add_init_script(_LATE)

    def open(self, address: str = "/") -> Page:
        """Load the page at an address of the console."""
        self.page.goto(self.base + address)
        return self.page

    def room(self, name: str) -> None:
        """Go to a room by the navigation."""
        self.page.get_by_role("navigation", name="Rooms").get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("heading", level=1, name=name).wait_for()

    def sign_in(self, name: str = "Explorer") -> None:
        """Get a token as a demo client, from the page at `/`."""
        self.page.get_by_role("button", name=name).click()
        self.page.get_by_role("heading", name="What it opens").wait_for()

    def violations(self) -> list[str]:
        """Return axe-core's violations, each rule with its first places."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = self.page.evaluate("async () => (await axe.run()).violations")
        return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found]

    def is_too_wide(self) -> bool:
        """Return True if the page has to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def remembered(self) -> str:
        """Return all text that could hold a secret: the document, the fields' values, the address and every storage."""
        return str(
            self.page.evaluate(
                """async () => JSON.stringify([
                  document.documentElement.outerHTML,
                  [...document.querySelectorAll("input, textarea")].map((each) => each.value),
                  location.href, document.title, { ...localStorage }, { ...sessionStorage }, document.cookie,
                  (await indexedDB.databases()).map((each) => each.name), await caches.keys(), history.state,
                ])"""
            )
        )

    def loaded(self) -> dict[str, float]:
        """Return the first load's figures: bytes transferred, requests, and milliseconds to its end."""
        figures: dict[str, float] = json.loads(
            self.page.evaluate(
                """() => {
                  const [page] = performance.getEntriesByType("navigation");
                  const files = performance.getEntriesByType("resource");
                  const all = [page, ...files];
                  return JSON.stringify({
                    bytes: all.reduce((sum, each) => sum + each.transferSize, 0),
                    requests: all.length,
                    milliseconds: page.loadEventEnd,
                  });
                }"""
            )
        )
        return figures

    def end(self, name: str, *, failed: bool) -> list[str]:
        """Close the tab and return its faults; a failed test leaves a screenshot under its name."""
        if failed:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
        refused: list[str] = self.page.evaluate("window.__violations ?? []")
        self.context.close()
        return [*self.faults, *self._unproven(), *(f"policy: {each}" for each in refused)]

    def _unproven(self) -> list[str]:
        """Return the requests with a bound token that have no proof of their own."""
        bound = [each for each in self.requests if each.headers.get("authorization", "").startswith("DPoP ")]
        times = Counter(each.headers.get("dpop") for each in bound)
        times[None] += 2
        return [f"no proof of its own: {each.url}" for each in bound if times[each.headers.get("dpop")] > 1]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_OF_STATUS):
            self.faults.append(f"console: {message.text}")

    def _requested(self, request: Request) -> None:
        self.requests.append(request)
        asked, own = urlsplit(request.url), urlsplit(self.base)
        if asked.scheme != "data" and asked.netloc != own.netloc:
            self.faults.append(f"another origin: {request.url}")
