"""Requests of one client to the service at a root URL."""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import httpx

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.scopes import Grants, grants_of
from careconnect_admin.checks.expectations import CheckError, json_of
from careconnect_admin.clients.dpop_key import DpopKey
from careconnect_admin.clients.token_request import NO_AUTH, basic, decoded
from careconnect_admin.clients.token_use import TokenUse

FORM: Final = "application/x-www-form-urlencoded"


class Service:
    """The service at the root URL `base`, called as the client `client_id`; `http` sends the requests.

    With a `key` all of its tokens are bound to it, and each request has a proof, which the open paths ignore.
    """

    def __init__(self, base: str, client_id: str, secret: str, http: httpx.Client, key: DpopKey | None = None) -> None:
        self.base = base
        self.client_id = client_id
        self._secret = secret
        self._http = http
        self._use = TokenUse(key, base, base)

    @property
    def fhir(self) -> str:
        """The FHIR base URL."""
        return self.base + FHIR_PATH

    def call(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: str | None = None,
        auth: httpx.Auth = NO_AUTH,
    ) -> httpx.Response:
        """Send one request, by POST if it has a form; raises `CheckError` if there is no response."""
        method = "POST" if form else method
        given = headers or {}
        token = given.get("Authorization", "").partition(" ")[2]
        try:
            return self._use.send(
                method,
                url,
                lambda proof: self._http.request(
                    method, url, headers={**proof, **given}, data=form, content=body, auth=auth
                ),
                token=token,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CheckError(f"no answer ({str(error) or type(error).__name__})") from None

    def basic(self, secret: str | None = None) -> httpx.BasicAuth:
        """Return the client's Basic authentication, with its own secret or the given one."""
        return basic(self.client_id, secret or self._secret)

    def new_token(self) -> str:
        """Return a new access token; raises `CheckError`."""
        answer = self.call(f"{self.base}/token", auth=self.basic(), form={"grant_type": "client_credentials"})
        if answer.status_code == 401:
            raise CheckError("/token answers 401: are CLIENT_ID and CLIENT_SECRET of one client that is enabled?")
        if answer.status_code != 200:
            raise CheckError(f"/token answers {answer.status_code} to this client")
        return str(json_of(answer)["access_token"])

    @cached_property
    def token(self) -> str:
        """The token shared by all checks that need no token of their own."""
        return self.new_token()

    @cached_property
    def grants(self) -> Grants:
        """The permissions of `token`."""
        claims = decoded(self.token)["claims"]
        return grants_of(claims["scope"], bound="patient" in claims)

    def authorization(self, token: str | None = None) -> dict[str, str]:
        """Return the Authorization header with a token."""
        return self._use.authorization(token or self.token)
