"""What clients have used of their quotas, by the counters."""

from collections import Counter

from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.world.names import USAGE


def used_in(database: Database, quota: int) -> Counter[str]:
    """Return the units that each client has used of the quota of the minutes that have a counter.

    What a counter holds beyond the quota is in those of the next minutes.
    """
    used: Counter[str] = Counter()
    for item in database.items(USAGE):
        used[item["pk"]["S"].partition("#")[0]] += min(quota, int(item["units"]["N"]))
    return used
