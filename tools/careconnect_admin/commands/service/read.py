"""`careconnect get` and `careconnect search`: read the API as a client."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.service_access import (
    NO_CLIENT,
    ClientOption,
    DpopKeyOption,
    ServiceAccess,
    TokenOption,
    as_client,
    given_token,
)
from careconnect_admin.commands.shared.terminal import remark, say, say_xml
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.clients.fhir_request import FhirRequests

XmlOption = Annotated[bool, typer.Option("--xml", help="Request XML and print it unchanged.")]
AllOption = Annotated[bool, typer.Option("--all", help="Follow the links to the last page and print one Bundle.")]

# The paths that need no token.
_OPEN: Final = frozenset({"metadata"})
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')


@as_client
def get(
    access: ServiceAccess,
    path: Annotated[str, typer.Argument(metavar="PATH", help="Patient/4, metadata, or a full URL of this API.")],
    client_id: ClientOption = "",
    token: TokenOption = "",
    dpop_key: DpopKeyOption = None,
    xml: XmlOption = False,
    every_page: AllOption = False,
) -> None:
    """Read one path of the API as a client, with its id and secret or with an access token."""
    with _requests(access, client_id, token, dpop_key, is_open=path.strip("/") in _OPEN) as requests:
        _print(requests, requests.url(path), xml=xml, every_page=every_page)


@as_client
def search(
    access: ServiceAccess,
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="The resource type, such as Observation.")],
    criteria: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE…", help="Criteria, not URL-encoded: patient=4 'code=http://loinc.org|8480-6'."
        ),
    ] = None,
    client_id: ClientOption = "",
    token: TokenOption = "",
    dpop_key: DpopKeyOption = None,
    xml: XmlOption = False,
    every_page: AllOption = False,
) -> None:
    """Search one resource type as a client, with its id and secret or with an access token."""
    pairs = []
    for each in criteria or ():
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise OperatorError(f"{each!r} is not of the form NAME=VALUE")
        pairs.append((name, value))
    with _requests(access, client_id, token, dpop_key) as requests:
        _print(requests, requests.url(type_name, pairs), xml=xml, every_page=every_page)


@contextmanager
def _requests(
    access: ServiceAccess, client_id: str, token: str, dpop_key: Path | None, *, is_open: bool = False
) -> "Iterator[FhirRequests]":
    # Imported here, so that `careconnect --help` stays fast.
    from careconnect_admin.clients.fhir_request import FhirRequests
    from careconnect_admin.clients.token_request import http_client, request_token

    known = given_token(token)
    use = access.use(dpop_key, known)
    if not known and client_id:
        authentication = access.authentication(client_id)
        with working("Asking for a token"):
            known = request_token(access.root, authentication, use=use)["access_token"]
    if not known and not is_open:
        raise OperatorError(NO_CLIENT)
    with http_client() as http:
        yield FhirRequests(access.root, known, http, use)


def _print(requests: "FhirRequests", url: str, *, xml: bool, every_page: bool) -> None:
    from careconnect_admin.clients.fhir_request import JSON, XML, next_url, pages
    from careconnect_records.parsing.exact_json import json_text, parse_json

    if every_page:
        if xml:
            raise OperatorError("--all makes one Bundle of JSON: give it without --xml")
        _say_json(json_text(_merged(pages(requests, url, parse_json))))
        return
    with working("Waiting for the answer"):
        text = requests.text(url, XML if xml else JSON)
    if xml:
        say_xml(text)
    else:
        _say_json(text)
    if not xml and next_url(parse_json(text)):
        remark("careconnect: there are more pages: --all follows them")


def _merged(bundles: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """Return the first Bundle with the entries of all Bundles, and without a link to the next page."""
    merged = next(bundles)
    if merged.get("resourceType") != "Bundle":
        return merged
    entries = merged.setdefault("entry", [])
    with working("Reading pages") as tell:
        for number, bundle in enumerate(bundles, 2):
            entries.extend(bundle.get("entry", ()))
            tell(f"Page {number}, {len(entries):,} entries")
    merged["link"] = [link for link in merged.get("link", ()) if link["relation"] == "self"]
    return merged


def _say_json(text: str) -> None:
    say(*indented(text).split("\n"))


def indented(text: str) -> str:
    """Return a JSON text with one line per member, and every digit and character unchanged."""
    parts: list[str] = []
    depth, before = 0, ""
    for token in _TOKEN.findall(text):
        depth -= token in ("]", "}")
        is_empty = before in ("[", "{") and token in ("]", "}")
        if not is_empty and (before in ("[", "{", ",") or token in ("]", "}")):
            parts.append("\n" + "  " * depth)
        parts.append(": " if token == ":" else token)
        depth += token in ("[", "{")
        before = token
    return "".join(parts)
