"""The keys of the record and directory tables (ADR 3).

Every item has `pk` and `sk`. A resource is two items under `Type/id`: its JSON and its index item. Each
of its index entries is one more item. The sort key of an entry always ends in `#<order key>#<id>`:

- type, under `Type?<shard>`, no prefix: for searches without a selective parameter
- long period, under `Type?<shard>~`, no prefix: the period may have begun long before the requested date
- token, under `Type?param=<code>`, prefix `<system>|`: for identifiers and codes
- string, under `Type?param^<first character>`, prefix `<normalised text>#`: for names and postcodes
- reference, under `Target/id`, prefix `Type?param#`: for a patient's resources, `_revinclude`, `$everything`

One more entry, under `Type?_lastUpdated^<shard>`, ends in `<instant>#<id>`: for searches by the last change. That of a
deleted resource is under `Type?_deleted^<shard>`. A replaced one of these leaves a trace for a day (`traces.py`).

The body of a replaced version is stored under `#json#<version>` (ADR 23). For a minute, the index record before a
multi-step write may be kept under `#index/<name>` (`intents.py`). An identifier lock lists the resources that
have an identifier. It is under `Type!identifier=<code>!<system>|`, which no search reads. The references to a resource
are counted under `Type/id#<shard>` of a table of their own (ADR 25).
"""

import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import Final

JSON_ITEM: Final = "#json"
INDEX_ITEM: Final = "#index"

CURSOR_KEY: Final = ("$cursor", "#key")
"""The item that holds the key for sealing `next` links, and the format number of its table (ADR 31)."""

FORMAT: Final = 3
"""The number of the table format, raised whenever stored items would be read or written differently.

That is the case when an index entry, a stored value, an identifier lock, a reference count or a body is added or
removed, or its form or key changes. Operators then have to run `careconnect reindex`.
"""

LOCK_ITEM: Final = "#guard"
COUNT_SHARDS: Final = 8
"""Items that the reference counts of a resource are spread over, by the id of the referring resource."""

_VERSION_DIGITS: Final = 9

SHARDS: Final = 4
"""Partitions of a type's entries: each takes 1,000 writes a second, and a search by type reads all of them."""

# A partition key may have 2,048 bytes and a sort key 1,024 (DynamoDB quotas).
_LONGEST_TEXT: Final = 200

_ORDER_DIGITS: Final = 15

LONGEST_REFERENCE: Final = 1024
"""Bytes of the longest reference with an index entry; a longer address is no working reference."""

Key = tuple[str, str]


def resource_key(type_name: str, resource_id: str) -> str:
    """Return the partition key of a resource, which is also the reference to it."""
    return f"{type_name}/{resource_id}"


def version_item(item: str, version: int) -> str:
    """Return the sort key of a replaced version's body; `item` is the sort key of the current body."""
    return f"{item}#{version:0{_VERSION_DIGITS}d}"


def is_body(sort_key: str) -> bool:
    """Return True for the sort key of a body, current or replaced."""
    return sort_key.startswith(JSON_ITEM)


def count_key(target: str, shard: int) -> str:
    """Return the key of one of the `COUNT_SHARDS` items that count the references to `target` (`Patient/4`)."""
    return f"{target}#{shard}"


def count_shard(resource_id: str) -> int:
    """Return the shard of the reference counts that a referring resource adds to, by its id."""
    return zlib.crc32(resource_id.encode()) % COUNT_SHARDS


def lock_partition(entry_partition: str, prefix: str) -> str:
    """Return the partition of an identifier's lock; its index entries are in `entry_partition`, under `prefix`.

    No search reads it, whatever the code. No two identifiers share one, since a `!` in a code is escaped.
    """
    beginning, _, code = entry_partition.partition("=")
    escaped = code.replace("%", "%25").replace("!", "%21")
    return f"{beginning.replace('?', '!')}={escaped}!{prefix}"


def type_partition(type_name: str, shard: int) -> str:
    """Return one of the `SHARDS` partitions of a type's entries."""
    return f"{type_name}?{shard}"


def period_partition(type_name: str, shard: int) -> str:
    """Return one of the `SHARDS` partitions of the entries of a type's resources with a long period."""
    return f"{type_name}?{shard}~"


def change_partition(type_name: str, shard: int) -> str:
    """Return one of the `SHARDS` partitions of a type's entries by the time of the last change."""
    return f"{type_name}?_lastUpdated^{shard}"


def deletion_partition(type_name: str, shard: int) -> str:
    """Return one of the `SHARDS` partitions of the entries of a type's deleted resources, by the time of deletion."""
    return f"{type_name}?_deleted^{shard}"


def shard_of(resource_id: str) -> int:
    """Return the shard of a type's entry, spread evenly by id."""
    return zlib.crc32(resource_id.encode()) % SHARDS


def token_partition(type_name: str, parameter: str, code: str) -> str:
    """Return the partition of all resources with `code` in `parameter`, whatever its system."""
    return f"{type_name}?{parameter}={_bounded(code)}"


def token_prefix(system: str) -> str:
    """Return the sort key prefix of one system's entries in a token partition."""
    return f"{_bounded(system)}|"


def string_partition(type_name: str, parameter: str, normalised: str) -> str:
    """Return the partition of all texts that begin with the first character of `normalised`."""
    return f"{type_name}?{parameter}^{normalised[:1]}"


def string_prefix(normalised: str) -> str:
    """Return the sort key prefix of the texts that begin with `normalised`, cut to the length that fits a key."""
    return normalised[:_LONGEST_TEXT]


def reference_prefix(type_name: str, parameter: str) -> str:
    """Return the sort key prefix, under a target's partition, of the resources that point at it."""
    return f"{type_name}?{parameter}#"


def entry_sort_key(prefix: str, order: str, resource_id: str) -> str:
    """Return an entry's sort key: its prefix, its position in the default order, its id."""
    return f"{prefix}{order}#{resource_id}"


def prefix_of(sort_key: str) -> str:
    """Return the prefix of an entry's sort key: all but its position in the default order and its id."""
    return sort_key.rpartition("#")[0][:-_ORDER_DIGITS]


def position_of(sort_key: str) -> tuple[str, str]:
    """Return the (order key, id) at the end of an entry's sort key."""
    head, _, resource_id = sort_key.rpartition("#")
    return head[-_ORDER_DIGITS:], resource_id


def positions_of(sort_keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return the (order key, id) at the end of each of several sort keys."""
    return [position_of(sort_key) for sort_key in sort_keys]


def entries_from(text: str) -> frozenset[Key]:
    """Return the keys of the index entries that an index record lists: a JSON array of [pk, sk] pairs."""
    return frozenset((pk, sk) for pk, sk in json.loads(text))


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    return text[: _LONGEST_TEXT - 64] + hashlib.sha256(text.encode()).hexdigest()
