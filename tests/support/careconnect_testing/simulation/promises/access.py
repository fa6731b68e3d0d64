"""Promises of access: tokens end in time, bound clients stay inside, nobody is refused without a reason."""

from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qsl

from careconnect_testing.simulation.actors.bodies import patients_of
from careconnect_testing.simulation.ledger import Exchange, Ledger
from careconnect_testing.simulation.promises.answers import shown
from careconnect_testing.simulation.world.gateway import AUTHORIZED_SECONDS
from careconnect_testing.simulation.world.system import SKEWS, BrokenPromiseError


@dataclass
class Access:
    """Checks each answer by its token; `own` are the patients of bound clients."""

    ledger: Ledger
    own: dict[str, str]

    def judge(self, done: Exchange) -> None:
        """Check an exchange; raises `BrokenPromiseError`."""
        if done.answer is None:
            return
        if done.step.kind == "introspect" and done.status == 200:
            self._check_introspected(done)
        disabled = self.ledger.disabled.get(done.client)
        if done.sent.path == "/token" and done.status == 200 and disabled is not None and disabled < done.began:
            raise BrokenPromiseError(f"{done.client} got a token after it was disabled")
        if not done.sent.token:
            return
        ended = [at for at in (self.ledger.revoked.get(done.sent.token), self.ledger.cut_off.get(done.client)) if at]
        if done.sent.token in self.ledger.revoked or not self._is_newer(done):
            late = min(ended, default=float("inf")) + AUTHORIZED_SECONDS
            if done.began_at > late and done.status not in (401, 503):
                raise BrokenPromiseError(f"{done.step} was answered {done.status} with a token that had ended")
        if done.status == 401 and not self._may_end(done):
            raise BrokenPromiseError(f"{done.step} was refused though its token is valid")
        if patient := self.own.get(done.client):
            for resource in shown(done.answer):
                if (patients := patients_of(resource)) and patient not in patients:
                    raise BrokenPromiseError(f"{done.step} showed {patients} to a client bound to {patient}")

    def _check_introspected(self, done: Exchange) -> None:
        token = dict(parse_qsl(done.sent.body or ""))["token"]
        revoked = self.ledger.revoked.get(token)
        assert done.answer is not None
        if revoked is not None and revoked <= done.began_at and done.answer.json["active"]:
            raise BrokenPromiseError(f"{done.step} of {done.client} says that a revoked token is active")

    def check(self) -> None:
        """Check what bound clients have written; raises `BrokenPromiseError`."""
        used = Counter(
            each.step.arguments[0]
            for each in self.ledger.exchanges
            if each.step.kind == "assert" and each.status == 200
        )
        if any(number > 1 for number in used.values()):
            raise BrokenPromiseError(f"an assertion was used more than once: {dict(used)}")
        for key, commits in self.ledger.commits.items():
            for number, commit in enumerate(commits):
                patient = self.own.get(commit.task)
                before = commits[number - 1].patients if number else ()
                if patient and {*commit.patients, *before} != {patient}:
                    raise BrokenPromiseError(f"a client bound to {patient} wrote {key} of {commit.patients}")

    def _is_newer(self, done: Exchange) -> bool:
        """Return True if a client was cut off, and the token may be one that it got afterwards."""
        cut = self.ledger.cut_off.get(done.client)
        if cut is None:
            return True
        return any(
            each.client == done.client
            and each.sent.path == "/token"
            and each.status == 200
            and each.ended_at >= cut - max(SKEWS)
            for each in self.ledger.exchanges
        )

    def _may_end(self, done: Exchange) -> bool:
        """Return True if a token may have ended: it was revoked, or asked to be, or its client was cut off."""
        return (
            done.client in self.ledger.cut_off
            # Its tokens end before the command has said so.
            or self.own.get(done.client) in self.ledger.erased
            or any(each.step.kind == "revoke" and each.client == done.client for each in self.ledger.exchanges)
            or done.began_at - self.ledger.exchanges[0].began_at > 3000
        )
