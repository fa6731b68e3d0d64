"""The server's rules as data for the console's page: what scopes open, the limits of tokens, the faults of proofs.

The page looks up what a scope opens and implements none of the grammar: every scope that there is was put to
`careconnect.oauth.scopes` here.
"""

import json
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.resource_types import SERVED_TYPES, ResourceType, Table
from careconnect.oauth.access_token import ALGORITHMS, CLOCK_SKEW, MAX_LIFETIME, TOKEN_TYPE
from careconnect.oauth.client_record import MAX_ID_LENGTH
from careconnect.oauth.dpop.proof import ALGORITHMS as PROOF_ALGORITHMS
from careconnect.oauth.dpop.proof import LONGEST_JTI as LONGEST_PROOF_JTI
from careconnect.oauth.dpop.proof import LONGEST_PROOF, WINDOW, ProofFault
from careconnect.oauth.numeric_date import END_OF_TIME
from careconnect.oauth.scopes import (
    LEVELS,
    MAX_PAIRS,
    PLAIN_SCOPES,
    SCOPE_NAMES,
    SUFFIX_VALUE,
    V1_LETTERS,
    Letter,
    ScopeError,
    grants_of,
    limiting_parameters,
    needed_scope,
    parse_scope,
)
from careconnect.oauth.token_verification import LONGEST_TOKEN
from careconnect_admin.project import PROJECT
from token_issuer.clients.verify_assertion import ASSERTION_TYPES, LONGEST_JTI, MAX_SECONDS_AHEAD, SMALLEST_RSA_KEY

CONSOLE_RULES: Final = PROJECT / "functions/console/web/src/oauth/server-rules.json"

_NAMES: Final = ("*", *sorted(SCOPE_NAMES))


def console_rules() -> str:
    """Return the text of the file that the page's sources import.

    `openings` are tables from a scope's access (`read`, `rs`, …) to the letters that it opens. A type's `openedBy` maps
    the names in scopes that open it to the indexes of their openings. At its `boundLevels` a scope opens it only in a
    token that is bound to a patient. By its `limitedBy` parameters a scope's suffix limits what of it is open.
    """
    openings: list[Mapping[str, str]] = []
    types = [_row(served, openings) for served in SERVED_TYPES]
    rules = {
        "levels": LEVELS,
        "defaultLevel": needed_scope("", SERVED_TYPES[0], Letter.READ).partition("/")[0],
        "openings": openings,
        "plain": {scope: opened for scope in sorted(PLAIN_SCOPES) if (opened := _opened(scope))},
        "types": types,
        "suffix": {"wordsWithout": list(V1_LETTERS), "mostPairs": MAX_PAIRS, "value": SUFFIX_VALUE.pattern},
        "token": {
            "algorithms": ALGORITHMS,
            "type": TOKEN_TYPE,
            "longest": LONGEST_TOKEN,
            "maxLifetime": MAX_LIFETIME,
            "clockSkew": CLOCK_SKEW,
            "endOfTime": END_OF_TIME,
        },
        "assertion": {
            "types": ASSERTION_TYPES,
            "maxSecondsAhead": MAX_SECONDS_AHEAD,
            "longestJti": LONGEST_JTI,
            "longestClientId": MAX_ID_LENGTH,
            "smallestRsaKey": SMALLEST_RSA_KEY,
        },
        "proof": {
            "faults": {each.name: each.value for each in ProofFault},
            "algorithms": PROOF_ALGORITHMS,
            "longest": LONGEST_PROOF,
            "longestJti": LONGEST_PROOF_JTI,
            "window": WINDOW,
        },
    }
    return json.dumps(rules, indent=1) + "\n"


def write_console_rules(path: Path = CONSOLE_RULES) -> None:
    """Write that file."""
    path.write_text(console_rules(), encoding="utf-8", newline="\n")


def _row(served: ResourceType, openings: list[Mapping[str, str]]) -> dict[str, Any]:
    """Return a type's row; append to `openings` those that are not in it yet."""
    opened_by = {}
    for name in _NAMES:
        opening = _opening(served, name)
        if opening and opening not in openings:
            openings.append(opening)
        if opening:
            opened_by[name] = openings.index(opening)
    return {
        "name": served.name,
        "directory": served.table is Table.DIRECTORY,
        "inCompartment": served.is_patient or served.patient_parameter is not None,
        "writable": served.writable,
        "versioned": served.versioned,
        "byNameOnly": served.by_name_only,
        "boundLevels": [level for level in LEVELS if served.name not in _opened(f"{level}/{served.name}.r")],
        "openedBy": opened_by,
        "limitedBy": limiting_parameters(served),
    }


def _opening(served: ResourceType, name: str) -> Mapping[str, str]:
    """Return the letters of a type, by access, that a scope with this name opens in a bound token."""
    found = {access: _opened(f"{LEVELS[0]}/{name}.{access}", bound=True).get(served.name) for access in _ACCESSES}
    return {access: letters for access, letters in found.items() if letters}


def _opened(scope: str, *, bound: bool = False) -> Mapping[str, str]:
    """Return the letters that a scope opens of each type, those that it leaves closed left out."""
    letters = grants_of(scope, bound=bound).letters
    return {name: "".join(each for each in Letter if each in held) for name, held in letters.items() if held}


def _is_scope(scope: str) -> bool:
    try:
        parse_scope(scope)
    except ScopeError:
        return False
    return True


_ACCESSES: Final = tuple(
    access
    for access in (*V1_LETTERS, *("".join(each) for n in range(1, 6) for each in permutations(Letter, n)))
    if _is_scope(f"{LEVELS[0]}/*.{access}")
)
"""What may follow a scope's dot: the words of SMART v1, and those orders of v2's letters that the server takes."""
