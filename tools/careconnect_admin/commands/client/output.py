"""Output of the client commands, for people or as JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from careconnect.oauth.client_record import ClientRecord
from careconnect_admin.clients.registration import idle_scopes, opens_every_patient, unlimited_scopes
from careconnect_admin.commands.shared.listing import print_pairs
from careconnect_admin.commands.shared.terminal import remark, say, say_json

_LABELS: Final = {"dpop_bound_access_tokens": "dpop bound"}
"""Shorter names of members, for people."""


def client_shown(record: ClientRecord) -> dict[str, Any]:
    """Return the members of a client that may be shown, without salt and digests."""
    return {
        "client_id": record.client_id,
        "name": record.name,
        "enabled": record.enabled,
        "auth_methods": sorted(record.auth_methods),
        "grant_types": sorted(record.grant_types),
        "scope": " ".join(record.scopes),
        "secrets": [{"ends": _date(each.ends_at)} for each in record.secrets],
        "key_ids": [key["kid"] for key in json.loads(record.jwks)["keys"]] if record.jwks else [],
        "jwks_uri": record.jwks_uri,
        "patient": record.patient,
        "every_patient": opens_every_patient(record.scopes, record.patient),
        "identifier_systems": list(record.identifier_systems),
        "resource_server": record.resource_server,
        "dpop_bound_access_tokens": record.dpop_bound_access_tokens,
        "dpop_nonce": record.dpop_nonce,
        "security_profile": record.security_profile,
        "created": _date(record.created_at),
    }


def _date(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


def print_with_secret(shown: dict[str, Any], secret: str | None, *, as_json: bool) -> None:
    """Print a client with its new secret, if there is one."""
    if secret is not None:
        shown["client_secret"] = secret
    print_members(shown, as_json=as_json)
    if secret is not None and not as_json:
        remark("The secret is stored nowhere: keep it now.")


def print_members(shown: dict[str, Any], *, as_json: bool) -> None:
    """Print a client, one line for each member that is not empty."""
    if as_json:
        say_json(shown)
        return
    texts = {_LABELS.get(name, name.replace("_", " ")): _text(value) for name, value in shown.items()}
    print_pairs([(name, text) for name, text in texts.items() if text])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {each or 'never'}" for name, each in value.items())
    return str(value or "")


def warn_of_idle_scopes(scopes: Sequence[str], *, bound: bool) -> None:
    """Warn of a client's scopes that give no access, because the operator may expect them to."""
    idle = idle_scopes(scopes, bound=bound)
    if idle:
        remark(f"careconnect: allowed, but opening no record here: {', '.join(idle)}")


def warn_of_every_patient(scopes: Sequence[str], patient: str) -> None:
    """Say which patient/ scopes open every patient's record, because their level promises one patient."""
    unlimited = unlimited_scopes(scopes, patient)
    if unlimited:
        remark(f"careconnect: opening every patient's record, as no patient is set: {', '.join(unlimited)}")


def print_done(done: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print the result of a command: one sentence, or JSON."""
    if as_json:
        say_json(done)
    else:
        say(sentence)
