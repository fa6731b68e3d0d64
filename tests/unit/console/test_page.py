"""The page and its files over HTTP: access, caching, and the sources it may load (CSP Level 3; RFC 9110)."""

from pathlib import Path
from typing import Any

import pytest

from careconnect import __version__
from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.http.origin import SECRET_HEADER, Origin
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import rest_event
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from service_console.app import ConsoleEndpoint
from service_console.built_site import BuiltSite

BASE = "https://api.example.org"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGE = '<script src="{{root}}/assets/app-1A.js"></script>{{base}} {{fhir-path}} {{version}}'
SCRIPT = "console.log('é')"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "assets/app-1A.js").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "assets/style-2B.css").write_text("a{}", encoding="utf-8")
    (tmp_path / "assets/icon-3C.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "assets/licences-4D.txt").write_text("MIT", encoding="utf-8")
    (tmp_path / "assets/app-1A.js.map").write_text("{}", encoding="utf-8")
    (tmp_path / "made-from").write_text("digest", encoding="utf-8")
    return tmp_path


class Console:
    """The console over a site of this test's."""

    def __init__(self, site: Path, *, base: str = BASE, is_on: bool = True, origin_secret: str = "") -> None:
        self.observer = RecordingObserver()
        endpoint = ConsoleEndpoint(BuiltSite(site), is_on=is_on)
        cors = Cors(("*",))
        self.app = RequestPipeline(endpoint, base, "eu-west-2", cors, self.observer, Clock(), Origin(origin_secret))

    def send(self, path: str, method: str = "GET", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer.of(self.app(rest_event(method, path, headers=given)))


@pytest.fixture
def console(site: Path) -> Console:
    return Console(site)


def test_a_browser_gets_the_page_filled_in_for_this_deployment(console: Console) -> None:
    answer = console.send("/", Accept=BROWSER)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.text == f'<script src="/assets/app-1A.js"></script>{BASE} {FHIR_PATH} {__version__}'
    assert answer.headers["Cache-Control"] == "no-cache"


def test_on_a_stage_the_files_are_below_it(site: Path) -> None:
    answer = Console(site, base="").send("/", Accept=BROWSER)

    assert 'src="/live/assets/app-1A.js"' in answer.text


def test_what_is_filled_in_is_no_markup(site: Path) -> None:
    answer = Console(site, base='https://api.example.org/"><i>').send("/docs")

    assert "<i>" not in answer.text
    assert "&quot;&gt;&lt;i&gt;" in answer.text


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_loads_from_its_own_origin_alone_and_can_be_framed_by_nobody(console: Console, path: str) -> None:
    headers = console.send(path, Accept=BROWSER).headers
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))

    assert policy.pop("default-src") == "'none'"
    assert policy.pop("img-src") == "'self'"
    assert {policy.pop(name) for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy.keys() == {"base-uri", "form-action", "frame-ancestors"}
    assert set(policy.values()) == {"'none'"}
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/fhir+json", "text/html;q=0", "text/html; q=0.0", "text/htmlx"]
)
def test_who_does_not_name_html_is_reported_at_the_root_where_fhir_is(console: Console, accept: str) -> None:
    answer = console.send("/", **({"Accept": accept} if accept else {}))

    assert answer.status == 404
    assert answer.issue["code"] == "not-supported"
    assert FHIR_PATH in answer.diagnostics


@pytest.mark.parametrize("accept", ["text/html", "application/json, TEXT/HTML;q=0.1", "text/html;level=1"])
def test_who_names_html_gets_it(console: Console, accept: str) -> None:
    assert console.send("/", Accept=accept).status == 200


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("app-1A.js", "text/javascript; charset=utf-8"),
        ("style-2B.css", "text/css; charset=utf-8"),
        ("icon-3C.svg", "image/svg+xml"),
        ("licences-4D.txt", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_is_stored_for_ever_as_its_name_changes_with_it(console: Console, name: str, media_type: str) -> None:
    answer = console.send(f"/assets/{name}")

    assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/none.js",
        "/assets/app-1A.js.map",
        "/assets/../index.html",
        "/assets/..%2Findex.html",
        "/assets/sub/app-1A.js",
        "/assets/made-from",
    ],
)
def test_what_the_build_did_not_make_is_not_there(console: Console, path: str) -> None:
    assert console.send(path).status == 404


@pytest.mark.parametrize("path", ["/", "/assets/app-1A.js"])
def test_who_has_the_text_already_gets_a_304_with_the_same_caching(console: Console, path: str) -> None:
    first = console.send(path, Accept=BROWSER)
    strong = first.headers["ETag"].removeprefix("W/")

    for known in (first.headers["ETag"], strong, f'"other", {strong}', "*"):
        again = console.send(path, Accept=BROWSER, If_None_Match=known)
        assert (again.status, again.text) == (304, "")
        assert all(again.headers[name] == first.headers[name] for name in ("ETag", "Cache-Control", "Vary"))
    assert console.send(path, Accept=BROWSER, If_None_Match='"other"').status == 200


def test_head_says_what_get_would_send(console: Console) -> None:
    answer = console.send("/assets/app-1A.js", "HEAD")

    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Content-Length"] == str(len(SCRIPT.encode()))


@pytest.mark.parametrize("path", ["/", "/docs", "/assets/app-1A.js"])
def test_nothing_can_be_sent_to_the_page(console: Console, path: str) -> None:
    answer = console.send(path, "POST", Accept=BROWSER)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["/", "/docs", "/assets/app-1A.js"])
def test_a_console_that_is_off_is_not_there(site: Path, path: str, method: str) -> None:
    assert Console(site, is_on=False).send(path, method, Accept=BROWSER).status == 404


def test_a_function_without_its_site_says_503_and_logs_why(tmp_path: Path) -> None:
    console = Console(tmp_path)

    assert console.send("/docs").status == 503
    (logged,) = console.observer.lines
    assert logged["reason"] == "the site is not built"


def test_a_page_is_logged_by_what_it_is(console: Console) -> None:
    for path in ("/", "/docs", "/assets/app-1A.js"):
        console.send(path, Accept=BROWSER)

    assert [each["action"] for each in console.observer.lines] == ["console page", "console page", "console asset"]


def test_a_file_is_read_once_and_a_page_from_the_edge_alone(site: Path) -> None:
    console = Console(site, origin_secret="s" * 32)

    assert console.send("/docs").status == 403
    assert console.send("/assets/app-1A.js", **{SECRET_HEADER: "s" * 32}).text == SCRIPT
    (site / "assets/app-1A.js").unlink()
    assert console.send("/assets/app-1A.js", **{SECRET_HEADER: "s" * 32}).text == SCRIPT


def test_what_should_never_happen_is_a_500_with_a_fixed_text(console: Console) -> None:
    def broken(_name: str) -> Any:
        raise RuntimeError("secret")

    console.app.endpoint.site.asset = broken  # type: ignore[attr-defined]
    answer = console.send("/assets/app-1A.js")

    assert answer.status == 500
    assert "secret" not in answer.text
