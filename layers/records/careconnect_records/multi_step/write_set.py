"""The lists of all items that multi-step writes hold, by which these are released."""

import json
import zlib
from collections.abc import Iterable
from typing import Any, Final

from careconnect.storage.keys import Key
from careconnect_records.items.actions import Item

WRITE_SET: Final = "$write"
"""The beginning of the partition of a write's list. No type's name begins so."""
_LIST: Final = "#keys"


def write_set(name: str, keys: Iterable[Key], counts: Iterable[str]) -> Item:
    """Return the item that lists what a write holds: keys of items of the same table, and of reference counts."""
    listed = json.dumps({"keys": list(keys), "counts": list(counts)}, separators=(",", ":"))
    return {**write_set_key(name), "listed": {"B": zlib.compress(listed.encode())}}


def write_set_key(name: str) -> Item:
    """Return the key of a write's list."""
    return {"pk": {"S": f"{WRITE_SET}/{name}"}, "sk": {"S": _LIST}}


def listed_in(item: Any) -> tuple[list[Key], list[str]]:
    """Return the keys of items and the keys of reference counts that a write's list has."""
    found = json.loads(zlib.decompress(bytes(item["listed"]["B"])))
    return [(pk, sk) for pk, sk in found["keys"]], found["counts"]
