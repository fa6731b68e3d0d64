"""Short stories of one client each: writes of a few contended resources, page walks, and tokens that end."""

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from careconnect_testing.http.writes import LONG_TEXT, Resource, observation, patient
from careconnect_testing.ledger.entries import Entry, Ledger, Outcomes, Sent, Walk
from careconnect_testing.ledger.reads import PATIENTS, Reads

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_SYSTEM: Final = "https://ledger.example.org/id"
"""The system of the identifiers that conditional creates use, and nothing else."""

UPDATED_SYSTEM: Final = "https://ledger.example.org/updated"
"""The system of the identifiers that conditional updates use, and nothing else."""

WRITTEN: Final = tuple(f"lp-{number}" for number in range(8))
"""Patients that are written and never deleted."""

DELETED: Final = tuple(f"lq-{number}" for number in range(4))
"""Patients that are deleted and restored again and again."""

BOUND_TO: Final = "lb-0"
"""The written patient to whom a writing client is bound."""

WRONG_SECRET: Final = "wrong secret"
"""The kind of request of which a minute's failures share an event."""

_NO_CACHE: Final = {"Cache-Control": "no-cache"}


class Scenarios:
    """Sends requests in small groups, in an order that the seed decides; one instance for each thread."""

    def __init__(self, ledger: Ledger, seed: str, reads: Reads, secrets: dict[str, str], outcomes: Outcomes) -> None:
        self._ledger = ledger
        self._random = random.Random(seed)
        self._reads = reads
        self._secrets = secrets
        self._outcomes = outcomes
        self._kinds: list[Callable[[], object]] = [
            *[self._read] * 14,
            *[self._look_again] * 5,
            *[self._put_observation] * 5,
            *[self._put_patient] * 3,
            *[self._patch] * 4,
            *[self._delete_observation] * 2,
            *[self._delete_patient, self._restore_patient, self._observe_deleted, self._create],
            *[self._create_once] * 3,
            *[self._update_by_identifier, self._organization, self._pay, self._bound_write, self._bound_foreign],
            *[self._walk, self._walk_sample, self._token, self._wrong_secret, self._end_token, self._leave],
        ]

    def act(self) -> None:
        """Send the requests of one scenario."""
        self._random.choice(self._kinds)()

    def begin(self) -> None:
        """Create the shared resources, and send the rare requests that a short run may lack."""
        for each in (*WRITTEN, *DELETED, BOUND_TO):
            self._ledger.send(self._patient_of(each, 1))
        self._leave()
        key, one = f"Observation/lo-{WRITTEN[0]}-0", WRITTEN[0]
        self._put_observation_at(key, one)
        self._send("DELETE", key, self._client(), "delete", **self._about(key, one))
        self._look(key, one)

    # ------------------------------------------------------------ requests

    def _client(self) -> str:
        return f"all-{self._random.randrange(4)}"

    def _send(self, *parts: Any, **options: Any) -> Entry:
        """Send a request, and once more if its outcome is in doubt."""
        return self._ledger.send_again(self._ledger.send(Sent(*parts, **options)))

    def _marker(self) -> str:
        return f"marker-{self._ledger.number()}"

    def _read(self) -> None:
        self._ledger.send(self._reads.request())

    def _key(self) -> tuple[str, str]:
        """Return a resource that is written, and its patient."""
        if self._random.random() < 0.3:
            one = self._random.choice((*WRITTEN, *DELETED))
            return f"Patient/{one}", one
        return self._observation_key()

    def _observation_key(self) -> tuple[str, str]:
        one = self._random.choice(WRITTEN)
        return f"Observation/lo-{one}-{self._random.randrange(4)}", one

    def _about(self, key: str, one: str) -> dict[str, Any]:
        return {"key": key, "named": frozenset({one})} if key.startswith("Patient/") else {"key": key, "owner": one}

    def _look(self, key: str, one: str) -> Entry:
        return self._ledger.send(Sent("GET", key, self._client(), "read of written", **self._about(key, one)))

    def _look_again(self) -> None:
        """Read a written resource, then one of its versions or its history."""
        key, one = self._key()
        seen = self._look(key, one)
        if seen.status == 200:
            version = self._random.randint(1, seen.version)
            path, kind = self._random.choice(
                ((f"{key}/_history/{version}", "vread"), (f"{key}/_history?_count=100", "history of written"))
            )
            self._ledger.send(Sent("GET", path, self._client(), kind, **self._about(key, one)))

    def _if_match(self, key: str, one: str, share: float) -> dict[str, str]:
        if self._random.random() >= share:
            return {}
        seen = self._look(key, one)
        if seen.status != 200:
            return {}
        # A third of them hold what is no longer there: a race that is lost for certain.
        is_late = seen.version > 1 and self._random.random() < 1 / 3
        return {"If-Match": f'W/"{seen.version - is_late}"'}

    def _put_observation(self) -> None:
        key, one = self._observation_key()
        self._put_observation_at(key, one, self._if_match(key, one, 0.5))

    def _put_observation_at(self, key: str, one: str, headers: dict[str, str] | None = None) -> None:
        marker = self._marker()
        body = observation(f"Patient/{one}", id=key.partition("/")[2], valueString=marker)
        about = {**self._about(key, one), "named": frozenset({one})}
        self._send("PUT", key, self._client(), "update", body=body, headers=headers or {}, marker=marker, **about)

    def _patient_of(self, one: str, several: int, headers: dict[str, str] | None = None) -> Sent:
        marker = self._marker()
        numbers = [f"{one}-{number}" for number in range(several)]
        body = patient(*numbers, id=one, name=[{"family": marker}], **({"text": LONG_TEXT} if several > 1 else {}))
        return Sent(
            "PUT", f"Patient/{one}", self._client(), "update", f"Patient/{one}", frozenset({one}),
            body=body, headers=headers or {}, marker=marker,
        )  # fmt: skip

    def _put_patient(self) -> None:
        one = self._random.choice(WRITTEN)
        headers = self._if_match(f"Patient/{one}", one, 0.5)
        # With fifty identifiers it is written in several steps.
        self._ledger.send_again(self._ledger.send(self._patient_of(one, self._random.choice((1, 1, 50)), headers)))

    def _restore_patient(self) -> None:
        self._ledger.send_again(self._ledger.send(self._patient_of(self._random.choice(DELETED), 1)))

    def _patch(self) -> None:
        key, one = self._key()
        headers = self._if_match(key, one, 0.3)
        marker = self._marker()
        path = "/name/0/family" if key.startswith("Patient/") else "/valueString"
        body = [{"op": "replace", "path": path, "value": marker}]
        self._send(
            "PATCH", key, self._client(), "patch", body=body, headers=headers, marker=marker, **self._about(key, one)
        )

    def _delete_observation(self) -> None:
        key, one = self._observation_key()
        headers = self._if_match(key, one, 0.3)
        self._send("DELETE", key, self._client(), "delete", headers=headers, **self._about(key, one))

    def _delete_patient(self) -> None:
        one = self._random.choice(DELETED)
        self._send("DELETE", f"Patient/{one}", self._client(), "delete", f"Patient/{one}", frozenset({one}))

    def _observe_deleted(self) -> None:
        """Refer to a patient that may be deleted at the same time, and perhaps end that reference soon."""
        one = self._random.choice(DELETED)
        key, marker = f"Observation/lo-{one}-{self._random.randrange(2)}", self._marker()
        if self._random.random() < 0.5:
            self._send("DELETE", key, self._client(), "delete", key, owner=one)
            return
        body = observation(f"Patient/{one}", id=key.partition("/")[2], valueString=marker)
        self._send("PUT", key, self._client(), "update", key, frozenset({one}), body=body, marker=marker)

    def _create(self) -> None:
        one, marker = self._random.choice(WRITTEN), self._marker()
        body = observation(f"Patient/{one}", valueString=marker)
        # A plain create in doubt is not repeated: it might create a second resource.
        self._ledger.send(
            Sent("POST", "Observation", self._client(), "create", "", frozenset({one}), body=body, marker=marker)
        )

    def _create_once(self) -> None:
        """Create unless there is one with an identifier that several threads use at about the same time."""
        one, marker = WRITTEN[0], self._marker()
        code = f"once-{len(self._ledger.entries) // 100}"
        known = [{"system": OWN_SYSTEM, "value": code}]
        body = observation(f"Patient/{one}", valueString=marker, identifier=known)
        self._send(
            "POST", "Observation", self._client(), "conditional create", "", frozenset({one}),
            body=body, headers={"If-None-Exist": f"identifier={OWN_SYSTEM}|{code}"}, marker=marker,
        )  # fmt: skip

    def _update_by_identifier(self) -> None:
        one, marker, code = WRITTEN[1], self._marker(), f"u-{self._random.randrange(3)}"
        parameters = (("identifier", f"{UPDATED_SYSTEM}|{code}"),)
        if self._random.random() < 0.3:
            self._send("DELETE", "Observation", self._client(), "conditional delete", owner=one, parameters=parameters)
            return
        body = observation(f"Patient/{one}", valueString=marker, identifier=[{"system": UPDATED_SYSTEM, "value": code}])
        self._send(
            "PUT", "Observation", self._client(), "conditional update", "", frozenset({one}),
            parameters=parameters, body=body, marker=marker,
        )  # fmt: skip

    def _organization(self) -> None:
        marker, key = self._marker(), f"Organization/lorg-{self._random.randrange(3)}"
        body = {"resourceType": "Organization", "id": key.partition("/")[2], "name": f"Zz {marker}"}
        self._send("PUT", key, self._client(), "directory update", key, body=body, marker=marker)

    def _pay(self) -> None:
        """Create a resource that no other request meets, so that its cost is known."""
        marker = self._marker()
        text: Resource = LONG_TEXT
        if self._random.random() < 0.5:
            text = {**LONG_TEXT, "div": LONG_TEXT["div"].replace("x" * 30_000, "x" * 120_000)}
        body = {"resourceType": "Organization", "name": f"Zz {marker}", "text": text}
        self._ledger.send(Sent("POST", "Organization", "payer", "create", body=body, marker=marker))

    # ------------------------------------------------------------ a bound client

    def _bound_write(self) -> None:
        marker = self._marker()
        body = observation(f"Patient/{BOUND_TO}", valueString=marker)
        named = frozenset({BOUND_TO})
        self._ledger.send(Sent("POST", "Observation", "bound-writer", "create", "", named, body=body, marker=marker))

    def _bound_foreign(self) -> None:
        """Request another patient's record, or write into it: as if it were absent, or refused."""
        key, one = self._observation_key()
        if self._random.random() < 0.5:
            self._ledger.send(Sent("GET", key, "bound-writer", "bound", owner=one))
            return
        body = observation(f"Patient/{one}", valueString=self._marker())
        self._ledger.send(Sent("POST", "Observation", "bound-writer", "bound", "", frozenset({one}), body=body))

    # ------------------------------------------------------------ walks

    def _walk(self) -> None:
        one = self._random.choice((*WRITTEN, *DELETED))
        self._follow(
            one, Sent("GET", f"Observation?patient={one}&_count=9", self._client(), "walk", named=frozenset({one}))
        )

    def _walk_sample(self) -> None:
        one = self._random.choice(PATIENTS)
        path = self._random.choice((f"Patient/{one}/$everything?_count=25", f"Patient/{one}/Observation?_count=10"))
        self._follow(one, Sent("GET", path, self._client(), "walk", named=frozenset({one})))

    def _follow(self, one: str, sent: Sent) -> None:
        sent = replace(sent, headers=_NO_CACHE)
        walk = None
        while True:
            page = self._ledger.send_again(self._ledger.send(sent))
            walk = walk or Walk(one, page.began, page.ended)
            if not page.is_done:
                return
            walk.found += page.found
            if not page.next:
                walk.ended = page.ended
                self._outcomes.walks.append((sent.path.partition("$")[1], walk))
                return
            sent = replace(sent, path=page.next.removeprefix(str(self._ledger.http.base_url).rstrip("/")))

    # ------------------------------------------------------------ tokens

    def obtain(self, client: str) -> str:
        """Request a token, and return it; empty if that failed."""
        entry = self._to_issuer("token", client, {"grant_type": "client_credentials"})
        return str(entry.resource.get("access_token", ""))

    def _to_issuer(self, what: str, client: str, form: dict[str, str], kind: str = "", secret: str = "") -> Entry:
        sent = Sent("POST", f"/{what}", client, kind or what)
        return self._ledger.send(sent, data=form, auth=(client, secret or self._secrets[client]))

    def _wrong_secret(self) -> None:
        # A client of its own, since wrong secrets throttle it.
        self._to_issuer("token", "careless", {"grant_type": "client_credentials"}, WRONG_SECRET, "wrong")

    def _token(self) -> None:
        client = self._client()
        if token := self.obtain(client):
            self._ledger.tokens[client] = token

    def _end_token(self) -> None:
        """Revoke a new token: it is inactive at once, and refused at once because it was not used before."""
        if not (token := self.obtain("ending")):
            return
        active = self._to_issuer("introspect", "ending", {"token": token})
        revoked = self.revoke("ending", token)
        if revoked.status != 200:
            return
        inactive = self._to_issuer("introspect", "ending", {"token": token})
        bearer = {"Authorization": f"Bearer {token}"}
        used = self._ledger.send(Sent("GET", "Patient/4", "ending", "ended", headers=bearer, by_gateway=True))
        self._outcomes.ended.append((active, revoked, inactive, used))

    def revoke(self, client: str, token: str) -> Entry:
        """Revoke a client's token."""
        return self._to_issuer("revoke", client, {"token": token})

    def _leave(self) -> None:
        self._ledger.send(Sent("GET", "Patient/4", "leaving", "leaving", named=frozenset({"4"})))
