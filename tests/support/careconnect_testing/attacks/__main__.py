"""Attack a deployment: `python -m careconnect_testing.attacks ROOT`.

The environment names the clients that attack, as `READER=id:secret`; see `Role`. An attack without its client is not
tried. What a successful attack stores is deleted again, but a deployment with patients' data is no place to try.
Exit codes: 0 if no attack succeeds, 1 if one does, 2 for a wrong call.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Final

import httpx

from careconnect_admin.clients.token_request import http_client
from careconnect_testing.attacks import (
    access,
    bodies,
    bundles,
    compartments,
    disclosure,
    floods,
    narratives,
    proofs,
    tokens,
)
from careconnect_testing.attacks.target import Attack, Breach, NotTried, Role, Target

CLASSES: Final[Mapping[str, tuple[Attack, ...]]] = {
    "tokens": tokens.ATTACKS,
    "proofs": proofs.ATTACKS,
    "access": access.ATTACKS,
    "compartments": compartments.ATTACKS,
    "disclosure": disclosure.ATTACKS,
    "floods": floods.ATTACKS,
    "narratives": narratives.ATTACKS,
    "bodies": bodies.ATTACKS,
    "bundles": bundles.ATTACKS,
}


def clients_in(environment: Mapping[str, str]) -> dict[Role, tuple[str, str]]:
    """Return the id and secret of each role that the environment names; raises `ValueError` for another form."""
    found = {}
    for role in Role:
        if given := environment.get(role.value):
            client_id, colon, secret = given.partition(":")
            if not (client_id and colon and secret):
                raise ValueError(f"{role.value} must be id:secret")
            found[role] = client_id, secret
    return found


def main() -> int:
    """Run all attacks, and print the result of each."""
    parser = argparse.ArgumentParser(prog="python -m careconnect_testing.attacks", description=__doc__)
    parser.add_argument("root", metavar="ROOT", help="the deployment's root URL, the stack's output BaseUrl")
    parser.add_argument("--only", nargs="+", choices=CLASSES, default=list(CLASSES), help="the classes to try")
    options = parser.parse_args()
    try:
        clients = clients_in(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    breaches = 0
    with http_client("careconnect-attacks") as http:
        target = Target(options.root.rstrip("/"), http, clients)
        for name in options.only:
            for attack in CLASSES[name]:
                try:
                    attack.make(target)
                    result = "held"
                except Breach as breach:
                    breaches += 1
                    result = f"SUCCEEDED: {breach}"
                except NotTried as missing:
                    result = f"not tried: {missing}"
                except httpx.HTTPError as error:
                    result = f"not tried: no answer ({type(error).__name__})"
                print(f"{name:<13} {attack.name}: {result}", flush=True)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
