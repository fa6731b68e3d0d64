"""Promise of the quota: each attempt of a write is charged to its client, whatever becomes of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.storage.intents import TXN
from careconnect.storage.keys import INDEX_ITEM
from careconnect.storage.quota import UNCOUNTED_UNITS, UNITS_PER_WRITE_UNIT
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.world.names import AUDIT, USAGE
from careconnect_testing.simulation.world.system import BrokenPromiseError, System

_ITEM_UNITS: Final = 2 * UNITS_PER_WRITE_UNIT
"""The least price of an item that a transaction writes."""


@dataclass
class Charges:
    """Adds up what the attempts of each client cost at least."""

    owed: Counter[str] = field(default_factory=Counter)
    _tokens: set[str] = field(default_factory=set)

    def attempted(self, client: str, request: Mapping[str, Any]) -> None:
        """Note a transaction that DynamoDB has seen; steps of a larger write have a price of their own."""
        if request["ClientRequestToken"] in self._tokens:
            # botocore's second attempt.
            return
        self._tokens.add(request["ClientRequestToken"])
        actions = [(kind, each) for action in request["TransactItems"] for kind, each in action.items()]
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
        charged = Counter(spent)
        for item in database.items(USAGE):
            charged[item["pk"]["S"].partition("#")[0]] += int(item["units"]["N"])
        for quota in system.quotas:
            charged.update(quota._uncounted)
        # An instance that is killed while it charges has forgotten what it had not charged yet.
        lost = UNCOUNTED_UNITS * system.aws.kills
        for client, units in self.owed.items():
            if charged[client] + lost < units:
                raise BrokenPromiseError(f"{client} owes {units} units at least, and was charged {charged[client]}")
