"""Refuse what the suffixes of a token's scopes do not open (`access.md`, Granular scopes)."""

from collections.abc import Mapping
from typing import Any

from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from careconnect.search.limits import opens, opens_body
from careconnect_records.writes.target import Target
from record_writer.request.write_request import WriteRequest


def is_limited(request: WriteRequest) -> bool:
    """Return True if only scopes with a suffix let the caller do a write."""
    return bool(request.caller.limits(request.type, request.letter))


def opens_stored(caller: Caller, letter: Letter, target: Target) -> bool:
    """Return True if a letter that the caller has opens the stored version of a target."""
    return not caller.limits(target.type, letter) or opens(caller, target.type, letter, target.values)


def require_opened(request: WriteRequest, resource: Mapping[str, Any]) -> None:
    """Raise the 403 outcome for a valid resource that the caller's scopes do not let it write."""
    if not opens_body(request.caller, request.type, request.letter, resource):
        raise request.caller.insufficient(request.type, request.letter)


def require_readable(request: WriteRequest, stored: Mapping[str, Any]) -> None:
    """Raise the 403 outcome for a patch of a stored resource that the caller may not read: a `test` shows it."""
    if not opens_body(request.caller, request.type, Letter.READ, stored):
        raise request.caller.insufficient(request.type, Letter.READ)
