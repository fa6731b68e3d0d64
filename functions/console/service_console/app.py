"""The page at `/` and at `/docs`, and its files: one file per request, with the headers that isolate the page."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final, Protocol
from urllib.parse import urlsplit

from careconnect import __version__
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.unknown_path import unknown_path
from careconnect.http.base_url import FHIR_PATH, BaseUrl
from careconnect.http.messages import Response
from service_console.built_site import Asset, SiteError

ROOT_PATH: Final = "/"
DOCS_PATH: Final = "/docs"
ASSETS: Final = "/assets/"
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page may load only files of its own origin, and run no inline scripts or styles (CSP Level 3)."""

_ISOLATION: Final = {"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer"}
_OF_PAGE: Final = {
    **_ISOLATION,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
# The page is revalidated at each request, because it names the files of its own build.
_PAGE_CACHING: Final = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}
# A year, which is RFC 9111's for ever: a file with other content has another name.
_ASSET_CACHING: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
_READING: Final = "GET, HEAD, OPTIONS"
_NO_WEIGHT: Final = re.compile(r"q=0(\.0*)?")


class PublishedSite(Protocol):
    """The built site."""

    def page(self) -> str:
        """Return the page with its placeholders; raises `SiteError`."""

    def asset(self, name: str) -> Asset | None:
        """Return a file by its name, or None if there is none."""


@dataclass(frozen=True, slots=True)
class ConsoleEndpoint(OutcomeEndpoint):
    """The endpoint of the deployed function; if `is_on` is False, it serves no page and no file."""

    site: PublishedSite
    is_on: bool

    def answer(self, context: RequestContext) -> Response:
        """Return the page or one of its files; raises `OutcomeError`."""
        context.action = "console"
        request = context.request
        is_reading = request.method in ("GET", "HEAD")
        if not self.is_on or (is_reading and request.path == ROOT_PATH and not _takes_html(context)):
            raise unknown_path(request.path)
        if not is_reading:
            raise outcomes.method_not_allowed(_READING)
        return self._page(context) if request.path in (ROOT_PATH, DOCS_PATH) else self._asset(context)

    def _page(self, context: RequestContext) -> Response:
        context.action = "console page"
        try:
            text = _filled(self.site.page(), context.base_url)
        except SiteError as error:
            raise outcomes.unavailable(str(error)) from error
        return _conditional(text, {**_OF_PAGE, **_PAGE_CACHING}, context)

    def _asset(self, context: RequestContext) -> Response:
        context.action = "console asset"
        asset = self.site.asset(context.request.path.removeprefix(ASSETS))
        if asset is None:
            raise unknown_path(context.request.path)
        return _conditional(asset.text, {**_ISOLATION, **_ASSET_CACHING, "Content-Type": asset.media_type}, context)


def _takes_html(context: RequestContext) -> bool:
    """Return True if the Accept header names HTML (RFC 9110 §12.5.1): browsers name it, API clients do not."""
    for each in context.request.headers.get("accept", "").lower().split(","):
        media_type, *parameters = (part.strip() for part in each.split(";"))
        if media_type == "text/html" and not any(map(_NO_WEIGHT.fullmatch, parameters)):
            return True
    return False


def _filled(page: str, base: BaseUrl) -> str:
    """Return the page for one deployment, with the location of its files and the URL of the service."""
    given: Mapping[str, str] = {
        # The path alone, so that a page opened under another name of this machine finds its files too.
        "{{root}}": urlsplit(base.root).path,
        "{{base}}": base.root,
        "{{fhir-path}}": FHIR_PATH,
        "{{version}}": __version__,
    }
    for placeholder, value in given.items():
        page = page.replace(placeholder, escape(value))
    return page


def _conditional(text: str, headers: Mapping[str, str], context: RequestContext) -> Response:
    """Return a 200, or a 304 if the client has the text already (RFC 9110 §13.1.2).

    The ETag is weak, as the gateway may compress the text.
    """
    etag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    known = (each.strip() for each in context.request.headers.get("if-none-match", "").split(","))
    if any(each in (etag, etag.removeprefix("W/"), "*") for each in known):
        kept = {name: headers[name] for name in ("Cache-Control", "Vary")}
        return Response(304, headers={**kept, "ETag": etag})
    return Response(200, text, {**headers, "ETag": etag})
