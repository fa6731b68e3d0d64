"""The actors of a run: each does its steps in order, through the gateway, as a client of its own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import FORM
from careconnect_testing.http.writes import JSON, NHS_NUMBER, PATCH
from careconnect_testing.parts.issuer import ASSERTION_TYPE, basic
from careconnect_testing.simulation.actors.bodies import CODES_OF, big_body, body_of, bundle_of
from careconnect_testing.simulation.actors.plan import Line, Step
from careconnect_testing.simulation.ledger import Exchange, Ledger, Walk
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.beginning import ASSERTER
from careconnect_testing.simulation.world.gateway import Gateway, Sent
from careconnect_testing.simulation.world.operator import Operator

MAX_PAGES: Final = 12
ATTEMPTS: Final = 3
"""How often an actor sends a request that got no answer or 503."""

_EXPIRED: Final = 600.0
"""Seconds of a wait during which DynamoDB may delete expired items."""

_SAFE_TO_REPEAT: Final = frozenset(
    {"put", "refer", "name", "put-big", "put-where", "delete", "delete-where", "create-if-none"}
)


@dataclass
class Actor:
    """One client of the deployment; `token` is its access token, `secret` its secret."""

    line: Line
    client: str
    secret: str
    token: str
    scheduler: Scheduler
    gateway: Gateway
    ledger: Ledger
    operator: Operator
    judge: Callable[[Exchange], None]
    """Called with each exchange when it ends; raises for a broken promise."""
    assertions: Mapping[str, str]
    seen: dict[str, str] = field(default_factory=dict)
    """The last ETag of each resource that this actor saw."""
    _requests: int = 0

    def run(self) -> None:
        """Do all steps."""
        for number, step in enumerate(self.line.steps, start=1):
            self.do(step, f"{self.line.number}.{number}")

    def do(self, step: Step, word: str) -> None:
        """Do a step; `word` is the content of what it writes."""
        kind, arguments = step.kind, step.arguments
        deed: Callable[..., None] = getattr(self, f"_{kind.replace('-', '_')}")
        deed(step, word, *arguments)

    # ------------------------------------------------------------ writes

    def _create(self, step: Step, word: str, type_name: str, whose: str) -> None:
        codes = (whose,) if type_name == "Patient" else ()
        self._write(step, "POST", type_name, body_of(type_name, word, whose, codes))

    def _create_if_none(self, step: Step, word: str, code: str) -> None:
        body = body_of("Patient", word, "", (code,))
        self._write(step, "POST", "Patient", body, **{"If-None-Exist": _condition(code)})

    def _put(self, step: Step, word: str, key: str, content: str, match: str, subject: str) -> None:
        text = word if content == "new" else "same"
        codes = CODES_OF.get(key.removeprefix("Patient/"), ())
        self._write(step, "PUT", key, body_of(key, text, subject, codes), **self._match(key, match))

    def _refer(self, step: Step, word: str, key: str, subject: str, whom: str) -> None:
        """Let an observation refer to another's record."""
        target = whom if "/" in whom else f"Patient/{whom}"
        element: Any = {"related": [{"target": {"reference": target}}]}
        if target.startswith("Patient/"):
            element = {"performer": [{"reference": target, "display": "somebody"}]}
        self._write(step, "PUT", key, body_of(key, word, subject) | element)

    def _name(self, step: Step, word: str, key: str, code: str) -> None:
        """Give a patient an identifier."""
        self._write(step, "PUT", key, body_of(key, word, "", (code,)))

    def _put_big(self, step: Step, word: str, whose: str, match: str) -> None:
        self._write(step, "PUT", f"Patient/{whose}", big_body(whose, word), **self._match(f"Patient/{whose}", match))

    def _put_where(self, step: Step, word: str, code: str) -> None:
        self._write(step, "PUT", f"Patient?{_condition(code)}", body_of("Patient", word, "", (code,)))

    def _patch(self, step: Step, word: str, key: str, match: str) -> None:
        type_name = key.partition("/")[0]
        path, value = {
            "Patient": ("/name/0/family", f"w{word}"),
            "Observation": ("/valueString", word),
        }.get(type_name, ("/name", word))
        operations = [{"op": "replace", "path": path, "value": value}]
        self._write(step, "PATCH", key, operations, PATCH, **self._match(key, match))

    def _delete(self, step: Step, _word: str, key: str, match: str) -> None:
        self._write(step, "DELETE", key, None, **self._match(key, match))

    def _delete_where(self, step: Step, _word: str, code: str) -> None:
        self._write(step, "DELETE", f"Patient?{_condition(code)}", None)

    def _bundle(self, step: Step, word: str, specs: str) -> None:
        self._post_bundle(step, bundle_of("transaction", specs, word, self.seen))

    def _batch(self, step: Step, word: str, specs: str) -> None:
        self._post_bundle(step, bundle_of("batch", specs, word, self.seen))

    def _post_bundle(self, step: Step, body: Any) -> None:
        self._exchange(step, Sent("POST", FHIR_PATH, (), {"Content-Type": JSON}, json.dumps(body), self.token))

    def _write(self, step: Step, method: str, target: str, body: Any, type_: str = JSON, **headers: str) -> None:
        path, _, query = target.partition("?")
        given = dict(headers)
        text = None if body is None else json.dumps(body)
        if text is not None:
            given["Content-Type"] = type_
        for attempt in range(ATTEMPTS):
            sent = Sent(method, f"{FHIR_PATH}/{path}", _pairs(query), given, text, self.token)
            done = self._exchange(step, sent)
            if not done.has_failed or step.kind not in _SAFE_TO_REPEAT or attempt + 1 == ATTEMPTS:
                return
            self.scheduler.pause(1.0)

    def _match(self, key: str, match: str) -> dict[str, str]:
        if match == "seen":
            return {"If-Match": self.seen[key]} if key in self.seen else {}
        return {"If-Match": f'W/"{match}"'} if match else {}

    # ------------------------------------------------------------ reads

    def _read(self, step: Step, _word: str, key: str) -> None:
        self._get(step, key)

    def _vread(self, step: Step, _word: str, key: str, version: str) -> None:
        self._get(step, f"{key}/_history/{version}")

    def _history(self, step: Step, _word: str, key: str, count: str) -> None:
        self._walk(step, f"{key}/_history?_count={count}")

    def _search(self, step: Step, _word: str, target: str, count: str, how: str) -> None:
        headers = {"Cache-Control": "no-cache"} if how else {}
        joint = "" if target.endswith("?") else "&"
        self._walk(step, f"{target}{joint}_count={count}", **headers)

    def _count(self, step: Step, _word: str, target: str) -> None:
        self._get(step, f"{target}&_summary=count", **{"Cache-Control": "no-cache"})

    def _audit(self, step: Step, _word: str, query: str) -> None:
        self._walk(step, f"AuditEvent?{query}&_count=50")

    def _walk(self, step: Step, target: str, **headers: str) -> None:
        walk = Walk(self.line.number, step, [])
        self.ledger.walks.append(walk)
        while len(walk.pages) < MAX_PAGES:
            done = self._get(step, target, **headers)
            walk.pages.append(done)
            if done.status != 200 or done.answer is None:
                return
            following = done.answer.link("next")
            if not following:
                walk.is_whole = True
                return
            parts = urlsplit(following)
            target = f"{unquote(parts.path).removeprefix(FHIR_PATH + '/')}?{parts.query}"

    def _get(self, step: Step, target: str, **headers: str) -> Exchange:
        path, _, query = target.partition("?")
        attempt = 1
        while True:
            done = self._exchange(step, Sent("GET", f"{FHIR_PATH}/{path}", _pairs(query), headers, None, self.token))
            if not done.has_failed or attempt == ATTEMPTS:
                return done
            attempt += 1
            self.scheduler.pause(1.0)

    # ------------------------------------------------------------ tokens

    def _token(self, step: Step, _word: str) -> None:
        done = self._form(step, "/token", {"grant_type": "client_credentials"})
        if done.answer and done.status == 200:
            self.token = done.answer.json["access_token"]

    def _revoke(self, step: Step, _word: str) -> None:
        token = self.token
        done = self._form(step, "/revoke", {"token": token})
        if done.status == 200:
            self.ledger.revoked.setdefault(token, done.ended_at)

    def _assert(self, step: Step, _word: str, number: str) -> None:
        """Request a token with an assertion that other actors use as well; it counts once."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertions[number],
        }
        sent = Sent("POST", "/token", (), {"Content-Type": FORM}, urlencode(form))
        self._exchange(step, sent, ASSERTER)

    def _introspect(self, step: Step, _word: str) -> None:
        self._form(step, "/introspect", {"token": self.token})

    def _form(self, step: Step, path: str, form: Mapping[str, str]) -> Exchange:
        headers = {"Content-Type": FORM, **basic(self.client, self.secret)}
        return self._exchange(step, Sent("POST", path, (), headers, urlencode(form)))

    # ------------------------------------------------------------ operating

    def _wait(self, _step: Step, _word: str, seconds: str) -> None:
        self.scheduler.pause(float(seconds))
        if float(seconds) > _EXPIRED and self.scheduler.choices.below(2):
            self.operator.expire()

    def _disable(self, _step: Step, _word: str, client: str) -> None:
        self.operator.disable(client)

    def _cut_off(self, _step: Step, _word: str, client: str) -> None:
        self.operator.cut_off(client)

    def _rotate(self, _step: Step, _word: str) -> None:
        self.operator.rotate()

    def _archive(self, _step: Step, _word: str, most: str) -> None:
        self.operator.archive(int(most))

    def _recover(self, _step: Step, _word: str, times: str) -> None:
        for _ in range(int(times)):
            self.operator.recover()

    def _load(self, _step: Step, word: str, key: str) -> None:
        self.operator.load(key, body_of(key, word, "", CODES_OF.get(key.removeprefix("Patient/"), ())))

    def _erase(self, _step: Step, _word: str, patient: str, calls: str) -> None:
        self.operator.erase(patient, int(calls))

    def _move(self, _step: Step, _word: str, patient: str, keys: str, calls: str) -> None:
        self.operator.move(patient, keys.split(), int(calls))

    def _reindex(self, _step: Step, _word: str) -> None:
        self.operator.reindex()

    def _back_up(self, _step: Step, _word: str) -> None:
        self.operator.back_up()

    def _restore(self, _step: Step, _word: str, calls: str = "0") -> None:
        self.operator.restore(int(calls))

    def _expire(self, _step: Step, _word: str) -> None:
        self.operator.expire()

    # ------------------------------------------------------------ one request

    def _exchange(self, step: Step, sent: Sent, client: str = "") -> Exchange:
        self._requests += 1
        request_id = f"request-{self.line.number}-{self._requests}"
        now = self.scheduler.now
        done = Exchange(self.line.number, client or self.client, step, sent, request_id, self.ledger.next_place(), now)
        self.ledger.exchanges.append(done)
        done.answer = self.gateway.send(sent, request_id)
        done.ended, done.ended_at = self.ledger.next_place(), self.scheduler.now
        if done.answer is not None:
            self._remember(sent, done.answer)
        self.judge(done)
        return done

    def _remember(self, sent: Sent, answer: Answer) -> None:
        etag = answer.headers.get("ETag", "")
        location = answer.headers.get("Location", "")
        if etag and answer.status < 300:
            named = location.partition("/STU3/")[2] if location else sent.path.removeprefix(FHIR_PATH + "/")
            self.seen["/".join(named.split("/")[:2])] = etag


def _condition(code: str) -> str:
    return f"identifier={NHS_NUMBER}|{code}"


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
