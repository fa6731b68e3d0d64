"""Read the FHIR API as a client, with its error responses as readable messages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.token_request import check_safe
from careconnect_admin.clients.token_use import AS_BEARER, TokenUse
from careconnect_admin.errors import OperatorError

JSON: Final = "application/fhir+json"
XML: Final = "application/fhir+xml"


def own_url(root: str, path: str, parameters: Sequence[tuple[str, str]] = ()) -> str:
    """Return the URL of a path below the FHIR base of `root`; an absolute URL of this API is returned unchanged.

    Raises `OperatorError` for a URL of another service, which must not receive the token.
    """
    base = root + FHIR_PATH
    if "://" in path:
        if not path.startswith(f"{base}/"):
            raise OperatorError(f"{path} is not below {base}, and the token is for no other service")
        url = path
    else:
        url = f"{base}/{path.strip('/').removeprefix(FHIR_PATH.strip('/') + '/')}"
    return f"{url}?{urlencode(parameters)}" if parameters else url


class FhirRequests:
    """Reads of the FHIR API of the service `root` with an access token, or without one if that is empty."""

    def __init__(self, root: str, token: str, http: httpx.Client, use: TokenUse = AS_BEARER) -> None:
        self._root = root
        self._token = token
        self._http = http
        self._use = use

    def url(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> str:
        """Return the URL of a path below the FHIR base, as `own_url` does; raises `OperatorError`."""
        return own_url(self._root, path, parameters)

    def text(self, url: str, media_type: str = JSON) -> str:
        """Return the body of a read; raises `OperatorError` with the texts of the OperationOutcome."""
        answer = self._get(url, media_type)
        if answer.status_code != HTTPStatus.OK:
            if media_type != JSON:
                # Repeat the request for the error as JSON, which `refusal` reads.
                answer = self._get(url, JSON)
            raise OperatorError(refusal(answer))
        return answer.text

    def _get(self, url: str, media_type: str) -> httpx.Response:
        check_safe(url)
        headers = {"Accept": media_type, **(self._use.authorization(self._token) if self._token else {})}
        try:
            return self._use.send(
                "GET", url, lambda proof: self._http.get(url, headers={**headers, **proof}), token=self._token
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OperatorError(f"{url} does not answer as it should ({type(error).__name__})") from None


def next_url(bundle: Mapping[str, Any]) -> str | None:
    """Return the URL of the page after a Bundle, None if it is the last."""
    return next((link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"), None)


def pages(requests: FhirRequests, url: str, parse: Callable[[str], Any]) -> Iterator[dict[str, Any]]:
    """Yield the Bundle at `url` and all pages after it; raises `OperatorError`."""
    following: str | None = url
    while following is not None:
        bundle = parse(requests.text(requests.url(following)))
        yield bundle
        following = next_url(bundle)


def refusal(answer: httpx.Response) -> str:
    """Return an answer's status and the texts of its OperationOutcome in one line."""
    wait = answer.headers.get("Retry-After")
    after = f" (again in {wait} s)" if wait else ""
    try:
        reasons = [issue["diagnostics"] for issue in answer.json()["issue"]]
    except (ValueError, KeyError, TypeError):
        reasons = [answer.reason_phrase]
    return f"answered {answer.status_code}: {'; '.join(reasons)}{after}"
