"""The console's writing room in browser tests: its texts, its editor and its buttons."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Locator

from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import Resource, WritingClient
from careconnect_testing.page.browser import Visit

Making = Callable[[Resource | str], str]

_TEXT = "editor.cmTile?.view?.state.doc.toString() ?? editor.innerText"


@dataclass
class Desk:
    """The writing room in one tab."""

    tab: Visit

    @property
    def main(self) -> Locator:
        """The room's main region: it shows results, which are also announced outside it."""
        return self.tab.page.get_by_role("main")

    @property
    def editor(self) -> Locator:
        return self.tab.page.get_by_role("textbox", name=re.compile("as (JSON|XML)"))

    @property
    def text(self) -> str:
        self.editor.wait_for()
        return str(self.editor.evaluate(f"editor => {_TEXT}"))

    def shows(self, text: str) -> None:
        """Wait until the editor has a text."""
        self.editor.wait_for()
        self.tab.page.wait_for_function(
            f"([editor, text]) => ({_TEXT}).includes(text)",
            arg=[self.editor.element_handle(), text],
        )

    @property
    def selected(self) -> str:
        return str(self.tab.page.evaluate("document.querySelector('.editor').shadowRoot.getSelection().toString()"))

    @property
    def path(self) -> str:
        """The resource in the address, such as `Patient/4`."""
        return self.tab.page.url.partition("#/write/")[2]

    def write(self, former: str, latter: str) -> None:
        """Replace one text by another in the editor, as if typed."""
        assert former in self.text
        text = self.text.replace(former, latter)
        # By the keyboard, which the editor follows at once; a selection of the page's it may learn too late.
        self.editor.press("ControlOrMeta+a")
        self.tab.page.keyboard.insert_text(text)

    def press(self, name: str) -> None:
        self.main.get_by_role("button", name=name, exact=True).click()

    def says(self, text: str) -> None:
        self.main.get_by_text(text).first.wait_for()

    def use_token(self, token: str) -> None:
        """Use an existing token, from the page at `/`."""
        page = self.tab.page
        page.get_by_role("button", name="Access token").click()
        page.get_by_label("An access token that you have").fill(token)
        page.get_by_role("button", name="Use this token").click()
        page.get_by_role("heading", name="What it opens").wait_for()

    def new(self, type_: str, about: str = "") -> None:
        """Begin a new resource in the editor: from the room's first page, or about a patient (`4`)."""
        self.tab.room("Write")
        if about:
            self.go_to(f"for/{about}/{type_}/editor")
        else:
            self.main.get_by_role("link", name=f"New {type_}", exact=True).click()
        self.editor.wait_for()

    def go_to(self, path: str) -> None:
        """Go to an address of the room, such as `for/4/Observation`."""
        self.tab.page.evaluate("hash => { location.hash = hash; }", f"#/write/{path}")

    def open(self, path: str) -> None:
        """Open a resource, from the room's first page."""
        self.tab.room("Write")
        self.main.get_by_label("Id", exact=True).fill(path)
        self.press("Open")
        self.editor.wait_for()

    def faults(self) -> list[str]:
        """Return the listed faults, each with its line."""
        region = self.main.get_by_role("region", name="Faults")
        region.wait_for()
        return [" ".join(each.split()) for each in region.get_by_role("listitem").all_inner_texts()]

    def versions(self, *deeds: str) -> None:
        """Wait until the history has exactly these versions, the newest first."""
        number = len(deeds)
        self.main.get_by_text(f"{number} version{'s' if number > 1 else ''}.", exact=True).wait_for()
        listed = self.main.get_by_role("region", name="Versions of").get_by_role("listitem").all_inner_texts()
        assert [each.split("\n")[1] for each in listed] == list(deeds)


@pytest.fixture(scope="session")
def api(local_stack: LocalStack, console: str) -> Iterator[Api]:
    with httpx.Client(base_url=console, timeout=30, trust_env=False) as http:
        yield Api(local_stack, http)


@pytest.fixture(scope="session")
def beside(api: Api) -> WritingClient:
    """Another client, which writes at the same time."""
    return WritingClient(api.http, api.register("beside-the-browser", "system/*.cruds"))


@pytest.fixture
def made(beside: WritingClient) -> Iterator[Making]:
    """A function that stores a resource and returns its path, or notes a path; each is deleted at the end."""
    paths: list[str] = []

    def note(resource: Resource | str) -> str:
        path = resource if isinstance(resource, str) else _path_of(beside.made(resource))
        paths.append(path)
        return path

    yield note
    for path in reversed(paths):
        assert beside.delete(path).status_code == 204


def _path_of(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


@pytest.fixture
def desk(visit: Callable[..., Visit]) -> Desk:
    """The room on a desktop, with a token that may write everything."""
    tab = visit()
    tab.open()
    tab.sign_in("Editor")
    return Desk(tab)
