"""The errors for a scope that is not granted; each names the scope and the cause (`oauth.md`, Answers of /token).

A scope is the only part of a request that a response repeats: what stands before its suffix, and only if that consists
of up to 64 letters, `*`, `.`, `/` and `_`. These include no markup, quote or digit, so the text cannot contain a
secret or a patient's number. The reader of the text is the authenticated client that sent it. The log gets only fixed
words.
"""

import re
from typing import Final

from careconnect.fhir.nearest_name import nearest_name
from careconnect.oauth.scopes import SCOPE_NAMES, ScopeError, ScopeFault, limiting_parameters, type_of_scope
from token_issuer.errors import OAuthError, invalid_scope

_SHOWN: Final = re.compile(r"[A-Za-z*./_]{1,64}")

_CAUSES: Final = {
    ScopeFault.STRING: "is malformed: scopes are printable ASCII without quotes or backslashes, one space between.",
    ScopeFault.GRAMMAR: "is no scope of this server. One is like user/Patient.read, system/*.rs or profile.",
    ScopeFault.TYPE: "names a type that is not served.",
    ScopeFault.WRITING: "is for writing what can only be read: ask for .read instead.",
    ScopeFault.SUFFIX_TYPE: "takes no suffix: only types of a patient's record but Patient and Medication do.",
    ScopeFault.SUFFIX_V1: "takes no suffix: write letters of cruds before it.",
    ScopeFault.SUFFIX_PARAMETER: "has a suffix by a parameter that limits no scope.",
    ScopeFault.SUFFIX_FORM: (
        "has a malformed suffix: write ?parameter=code or ?parameter=system|code, up to three with & between."
    ),
}


def malformed_scope(error: ScopeError) -> OAuthError:
    """400 for a scope outside the grammar, or for one that the server does not serve or enforce."""
    cause = _CAUSES[error.fault]
    if error.fault is ScopeFault.TYPE:
        type_name = error.scope.partition("/")[2].partition(".")[0]
        nearest = nearest_name(type_name, sorted(SCOPE_NAMES))
        cause += f" The nearest is {nearest}." if nearest else ""
    if error.fault is ScopeFault.SUFFIX_PARAMETER and (named := type_of_scope(error.scope)):
        cause += f" {named.name} takes {', '.join(limiting_parameters(named))}."
    return invalid_scope(f"{_safe_scope(error.scope)} {cause}", reason=str(error))


def scope_beyond_registration(scope: str) -> OAuthError:
    """400 for a scope that the client is not registered for."""
    text = f"{_safe_scope(scope)} is beyond what this client is registered for."
    return invalid_scope(text, reason="beyond the registration")


def scope_too_long() -> OAuthError:
    """400 for more scopes than a token can hold."""
    return invalid_scope("The scope is longer than a token can hold: ask for less.", reason="longer than a token holds")


def _safe_scope(scope: str) -> str:
    shown = scope.partition("?")[0]
    return shown if _SHOWN.fullmatch(shown) else "The scope"
