"""The demo clients of a local run.

Three are those of the Care Connect reference implementation. Of the others one reads everything, one writes everything,
and one reads the audit trail and finds patients.

The secrets of the three have been public for years, so these clients exist in local runs only. Nothing deploys them,
and a deployment refuses their ids and their secrets. `explorer`, `editor` and `auditor` are not published clients.
Their secrets are new in each run unless they are given, so a deployment may use these ids.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import ClientRegistration, ClientRegistry, check_secret, register_client

_SECRET_BYTES: Final = 64


@dataclass(frozen=True)
class DemoClient:
    """A client to register: its id, name, secret and scopes."""

    client_id: str
    name: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]


PATIENT_ACCESS: Final = DemoClient(
    client_id="a24a4d9f-c264-4af7-a8e5-248c24a6b707",
    name="Patient access",
    secret="MMpAOGBljYcEzBfn7q9-xgJqBlmR0BSiEyCrCjNNOUpR78kZtzqgKKU_4FgGRFNWbtc6jPIErLwoYwRgnlvijA",
    scopes=("profile", "patient/Patient.read", "user/Patient.read"),
)
MEDICATION_ACCESS: Final = DemoClient(
    client_id="ed73b2cb-abd0-4f75-b9a2-5f9c0535b82c",
    name="Patient, condition and medication access",
    secret="QOm0VcqJqa9stA1R0MJzHjCN_uYdo0PkY8OT68UCk2XDFxFrAUjajuqOvIom5dISjKshx2YiU51mXtx7W5UOwQ",
    scopes=(
        "user/MedicationStatement.read",
        "patient/Immunization.read",
        "user/Patient.read",
        "patient/Condition.read",
        "user/MedicationOrder.read",
        "user/Condition.read",
        "user/Encounter.read",
        "profile",
        "patient/MedicationOrder.read",
        "patient/Patient.read",
        "patient/Observation.read",
        "patient/Encounter.read",
    ),
)
LIMITED_ACCESS: Final = DemoClient(
    client_id="256fcc31-97bd-47d4-acbf-12409676ad5a",
    name="Limited access",
    secret="AI8OGCYWjvnj-NY0zaP0H2e6_El_yO2pq43wK4YKk8UnBR_JZ5ivkmkXFtlkiL6LKWsL8H7ksab0V_Hk9c4OeMI",
    scopes=("profile",),
)


EXPLORER: Final = "explorer"
EDITOR: Final = "editor"
AUDITOR: Final = "auditor"

_PUBLISHED: Final = (PATIENT_ACCESS, MEDICATION_ACCESS, LIMITED_ACCESS)


def check_not_published(*, client_id: str = "", secret: str | None = None) -> None:
    """Raise `RegistrationError` for the id or the secret of a published client.

    The id is refused too, because an attacker who sees it would try the published secret.
    """
    if any(client_id == demo.client_id for demo in _PUBLISHED):
        raise RegistrationError(f"{client_id} is the id of a demo client, for local runs only: choose another")
    if any(secret == demo.secret for demo in _PUBLISHED):
        raise RegistrationError("this secret has been published, for local runs only: have one made")


def demo_clients(
    explorer_secret: str | None = None, editor_secret: str | None = None, auditor_secret: str | None = None
) -> tuple[DemoClient, ...]:
    """Return the demo clients, `explorer`, `editor` and `auditor` last, with the given or newly generated secrets.

    Raises:
        RegistrationError: a given secret is too weak, or has characters that clients would have to encode.
    """
    explorer = DemoClient(
        client_id=EXPLORER,
        name="Explorer: reads everything",
        secret=_secret(explorer_secret),
        scopes=("system/*.read", "profile"),
    )
    editor = DemoClient(
        client_id=EDITOR,
        name="Editor: reads and writes everything",
        secret=_secret(editor_secret),
        scopes=("system/*.cruds", "profile"),
    )
    auditor = DemoClient(
        client_id=AUDITOR,
        name="Auditor: reads who saw what",
        secret=_secret(auditor_secret),
        # A patient is found by name or NHS number, and a report then says whose it is.
        scopes=("system/AuditEvent.read", "system/Patient.s"),
    )
    return (*_PUBLISHED, explorer, editor, auditor)


def _secret(given: str | None) -> str:
    if given:
        check_secret(given)
    return given or secrets.token_urlsafe(_SECRET_BYTES)


def register(clients: Sequence[DemoClient], registry: ClientRegistry) -> None:
    """Register the clients, as `careconnect clients add` would; raises `RegistrationError`."""
    for demo in clients:
        registration = ClientRegistration(
            client_id=demo.client_id, name=demo.name, scopes=demo.scopes, secret=demo.secret
        )
        register_client(registry, registration, now=time.time())
