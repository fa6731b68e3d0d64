"""The README's two pictures, made anew by every run: `make pictures` puts them in those' place that are committed."""

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from careconnect_admin.project import DOCS, PROJECT
from careconnect_testing.page.browser import SCREENSHOTS, Visit
from careconnect_testing.page.record_visits import open_record

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
COMMITTED: Final = DOCS / "images"
MADE: Final = COMMITTED if os.environ.get("PICTURES") else SCREENSHOTS
MAX_BYTES: Final = 200_000
WIDTH: Final = 1160


def size_of(picture: Path) -> tuple[int, int]:
    """Return a PNG's width and height in pixels, which its first chunk begins with (PNG §11.2.2)."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


def take(page: Page, name: str) -> None:
    MADE.mkdir(parents=True, exist_ok=True)
    path = MADE / f"{name}.png"
    # What counts down and what a pointer leaves behind differ from run to run.
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled")
    committed = COMMITTED / path.name
    assert path.stat().st_size < MAX_BYTES
    assert committed.stat().st_size < MAX_BYTES
    assert size_of(committed) == size_of(path), "run `make pictures`"
    assert f"docs/images/{path.name}" in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_access_matrix(visit: Visiting) -> None:
    page = visit(width=WIDTH, height=1110).open("/#/matrix")
    page.get_by_role("button", name="Ask the server").click()
    said = re.compile(r"^(\d+) of \1 answers are as promised\.$")
    expect(page.get_by_test_id("matrix-summary")).to_have_text(said, timeout=60_000)

    take(page, "console-access-matrix")


def test_a_patients_record(visit: Visiting) -> None:
    page = open_record(visit(width=WIDTH, height=760), "5")
    page.get_by_role("img", name=re.compile("^HbA1c, ")).wait_for()

    take(page, "console-patient-record")
