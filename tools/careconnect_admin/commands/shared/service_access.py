"""Common parts of the commands that call the service as a client: its address, and the client's authentication."""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, FAPI2, ClientRecord
from careconnect_admin.commands.shared.on_stack import (
    PortOption,
    ProfileOption,
    RegionOption,
    StackOption,
    client_registry,
    found_stack,
    given_by,
)
from careconnect_admin.commands.shared.terminal import remark
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.clients.dpop_key import DpopKey
    from careconnect_admin.clients.token_request import ClientAuthentication
    from careconnect_admin.clients.token_use import TokenUse

NO_CLIENT: Final = "give --client or CLIENT_ID, and its secret; or a token by --token or ACCESS_TOKEN"
"""What a command says that got neither a client nor a token."""

_SECRET_VARIABLE: Final = "CLIENT_SECRET"

ClientOption = Annotated[
    str, typer.Option("--client", envvar="CLIENT_ID", show_default=False, help="The id of the client to act as.")
]
TokenOption = Annotated[
    str,
    typer.Option(
        "--token", envvar="ACCESS_TOKEN", show_default=False, help="An access token, or '-' for standard input."
    ),
]
DpopKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--dpop-key",
        dir_okay=False,
        help="Bind the token to this key, a private JWK, or use a token that is bound to it. Made if it is not there.",
    ),
]


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    """A service's root URL, without a trailing slash, and the options for a client's authentication.

    `registered` finds a client if the stack is known, so that a private key needs no other options.
    """

    root: str
    secret_file: typer.FileText | None
    key: Path | None
    kid: str
    algorithm: str
    registered: Callable[[str], ClientRecord | None] | None = None

    def authentication(self, client_id: str) -> "ClientAuthentication":
        """Return a client's authentication, after a prompt for its secret if needed; raises `OperatorError`."""
        from careconnect_admin.clients.token_request import ClientAuthentication, basic

        if self.key is not None:
            return ClientAuthentication(parameters=self._assertions(client_id, self.key.read_bytes()))
        secret = self.secret_file.read().strip() if self.secret_file else os.environ.get(_SECRET_VARIABLE, "")
        secret = secret or typer.prompt("Secret", hide_input=True, err=True)
        return ClientAuthentication(auth=basic(client_id, secret))

    def use(self, dpop_key: Path | None, token: str = "") -> "TokenUse":
        """Return how tokens are used: by DPoP with the key in a file, or as Bearer.

        Raises `OperatorError`, also for a given `token` that is used otherwise.
        """
        from careconnect_admin.clients.token_request import is_bound, issuer_of
        from careconnect_admin.clients.token_use import AS_BEARER, TokenUse

        if token and is_bound(token) is (dpop_key is None):
            # Sent by the wrong scheme, it is refused as any bad token is; a bound one raises an alarm besides.
            wanted = "a key: give this key by" if dpop_key is None else "no key: leave out"
            raise OperatorError(f"the token is bound to {wanted} --dpop-key")
        if dpop_key is None:
            return AS_BEARER
        # The address of a stack is its issuer; another address may lead to it too.
        issuer = self.root if self.registered is not None else issuer_of(self.root)
        return TokenUse(kept_key(dpop_key), self.root, issuer)

    def _assertions(self, client_id: str, pem: bytes) -> Callable[[], dict[str, str]]:
        from careconnect_admin.clients.private_key import PrivateKey

        if not self.kid and self.registered is None:
            raise OperatorError("--key with --base needs --kid, the name that the key is registered under")
        key = PrivateKey.of_pem(pem)
        kid, algorithm = self.kid, self.algorithm
        if self.registered is not None and not (kid and algorithm):
            record = self.registered(client_id)
            found = key.registered(record.jwks if record else "") or {}
            usual = key.fapi2_algorithm if record and record.security_profile == FAPI2 else ""
            kid, algorithm = kid or found.get("kid", ""), algorithm or found.get("alg", usual)
        if not kid:
            raise OperatorError(f"the key is not in a JWK Set that is registered for {client_id}: give --kid")
        return functools.partial(key.assertion, client_id, self.root, kid, algorithm)


@contextmanager
def service_access(
    secret_file: Annotated[
        typer.FileText | None,
        typer.Option(
            "--secret-file",
            help=f"The file with its secret, or '-' for standard input. Default: {_SECRET_VARIABLE}, or a prompt.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", exists=True, dir_okay=False, help="Authenticate with this private key (PEM) instead."),
    ] = None,
    kid: Annotated[str, typer.Option("--kid", help="The registered kid of that key; needed with --base.")] = "",
    alg: Annotated[
        str,
        typer.Option(
            "--alg",
            help=f"The signing algorithm: {', '.join(ASSERTION_ALGORITHMS)}. Default: as the key is registered.",
            autocompletion=lambda: list(ASSERTION_ALGORITHMS),
        ),
    ] = "",
    base: Annotated[str | None, typer.Option("--base", help="The service's root URL, instead of a stack's.")] = None,
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
) -> Iterator[ServiceAccess]:
    """Find the service that the options name, and print its name on standard error; raises `OperatorError`."""
    if base is not None:
        if stack is not None or port is not None:
            raise OperatorError("--base names the service itself: give it without --stack and --port")
        root = base.rstrip("/")
        remark(f"careconnect: on the service {root}")
        yield ServiceAccess(root, secret_file, key, kid, alg)
        return
    with found_stack(stack, region, profile, port) as target:
        root = target.output("BaseUrl").rstrip("/")
        # A lookup only for a private key, so that a client secret needs no permission on the client table.
        yield ServiceAccess(root, secret_file, key, kid, alg, lambda client_id: client_registry(target).find(client_id))


as_client = given_by(service_access)
"""Decorator that makes a command of a function that has the service as its first parameter."""


def kept_key(path: Path) -> "DpopKey":
    """Return the DPoP key in a file, which is made and said to be new if it was not there; raises `OperatorError`."""
    from careconnect_admin.clients.dpop_key import DpopKey

    key, is_new = DpopKey.of_file(path)
    if is_new:
        remark(f"careconnect: made a key for DPoP in {path}: keep it as secret as a password")
    return key


def given_token(token: str) -> str:
    """Return the token of the option `--token`; for '-' it is read from standard input."""
    return sys.stdin.read().strip() if token == "-" else token
