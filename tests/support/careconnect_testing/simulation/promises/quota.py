"""Promise of the quota: each attempt of a write is charged to its client, whatever becomes of it."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.storage.intents import TXN
from careconnect.storage.keys import INDEX_ITEM
from careconnect.storage.quota import UNCOUNTED_UNITS, UNITS_PER_WRITE_UNIT, WINDOW
from careconnect_records.multi_step.states import PENDING
from careconnect_records.multi_step.write_set import listed_in
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.ledger import Exchange
from careconnect_testing.simulation.world.names import AUDIT, USAGE
from careconnect_testing.simulation.world.system import SKEWS, BrokenPromiseError, System
from careconnect_testing.simulation.world.usage import used_in

_ITEM_UNITS: Final = 2 * UNITS_PER_WRITE_UNIT
"""The least price of an item that a transaction writes."""
_UNITS_IN_STEPS: Final = 3 * UNITS_PER_WRITE_UNIT
"""That of an item of a write in steps, which is put in a transaction and released by itself."""

_UNLIMITED: Final = 10**12
MAX_SKEW: Final = max(map(abs, SKEWS)) + 1
"""Seconds that an instance's clock may be off, and one for rounding."""


@dataclass
class Charges:
    """Adds up what the attempts of each client cost at least."""

    owed: Counter[str] = field(default_factory=Counter)
    _tokens: set[str] = field(default_factory=set)

    def attempted(self, client: str, request: Mapping[str, Any]) -> None:
        """Note a transaction that DynamoDB has seen: a whole write, or the beginning of one in steps."""
        if request["ClientRequestToken"] in self._tokens:
            # botocore's second attempt.
            return
        self._tokens.add(request["ClientRequestToken"])
        actions = [(kind, each) for action in request["TransactItems"] for kind, each in action.items()]
        begun = [name for kind, each in actions if (name := _begun(kind, each)) and name not in self._tokens]
        if begun:
            # Its steps are repeated if they conflict, the first as well.
            self._tokens |= set(begun)
            lists = [listed_in(each["Item"]) for kind, each in actions if kind == "Put" and "listed" in each["Item"]]
            self.owed[client] += _UNITS_IN_STEPS * sum(len(keys) + len(counts) for keys, counts in lists)
        is_whole = any(
            kind == "Put" and each["Item"]["sk"]["S"] == INDEX_ITEM and TXN not in each["Item"]
            for kind, each in actions
        )
        if is_whole:
            items = sum(1 for kind, each in actions if kind != "ConditionCheck" and each["TableName"] != AUDIT)
            self.owed[client] += _ITEM_UNITS * items

    def check(self, database: Database, system: System, spent: Counter[str]) -> None:
        """Check that no client was charged too little; raises `BrokenPromiseError`.

        Charges are in counters, in those that have expired (`spent`), and in the memory of instances.
        """
        # An instance that is killed while it charges has forgotten what it had not charged yet, and what it had not
        # charged to the next minutes.
        is_whole = not system.aws.kills
        charged = spent + used_in(database, system.units_per_minute if is_whole else _UNLIMITED)
        for quota in system.quotas:
            charged.update(quota._uncounted)
        lost = UNCOUNTED_UNITS * system.aws.kills
        for client, units in self.owed.items():
            if charged[client] + lost < units:
                raise BrokenPromiseError(f"{client} owes {units} units at least, and was charged {charged[client]}")

    def judge(self, done: Exchange, database: Database, quota: int, spent: Counter[str]) -> None:
        """Check that a client is refused for its quota only if it has used a minute's, and as long as it owes."""
        if done.answer is None or done.status != 429 or not done.sent.token:
            return
        charged = spent[done.client] + used_in(database, quota)[done.client]
        if charged < quota:
            raise BrokenPromiseError(
                f"{done.step} was answered 429, and {done.client} was charged {charged} of {quota}"
            )
        # A whole minute until then that has room, whatever clock the instance has.
        first = math.ceil((done.ended_at + MAX_SKEW) / WINDOW)
        paid = int((done.ended_at + int(done.answer.headers.get("Retry-After", "0")) - MAX_SKEW) / WINDOW)
        used = {item["pk"]["S"]: int(item["units"]["N"]) for item in database.items(USAGE)}
        for window in range(first, paid):
            if used.get(f"{done.client}#{window}", 0) < quota:
                raise BrokenPromiseError(f"{done.step} was answered 429, and the minute {window} has room before")


def _begun(kind: str, action: Mapping[str, Any]) -> str:
    """Return the name of the write in steps that an action begins, empty if it begins none."""
    item = action.get("Item", {})
    return str(item["sk"]["S"]) if kind == "Put" and item.get("status", {}).get("S") == PENDING else ""
