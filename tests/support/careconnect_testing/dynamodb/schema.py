"""The keys of tables and indexes: checked, and turned into places in their rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.paths import projected
from careconnect_testing.dynamodb.rows import Place
from careconnect_testing.dynamodb.values import Item, Value, normal_number, sortable

_INVALID: Final = "One or more parameter values were invalid: "
_MAX_BYTES: Final = {"HASH": 2048, "RANGE": 1024}


@dataclass(frozen=True, slots=True)
class KeyPart:
    """An attribute of a key, with its type: S, N or B."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class KeySchema:
    """The one or two attributes of a key."""

    hash: KeyPart
    range: KeyPart | None
    parts: tuple[KeyPart, ...]
    """The attributes, the partition key first."""
    has_number: bool

    @classmethod
    def of(cls, schema: Iterable[Mapping[str, str]], kinds: Mapping[str, str]) -> "KeySchema":
        """Return CreateTable's `KeySchema`, with the types of `AttributeDefinitions` by their names."""
        names = {each["KeyType"]: each["AttributeName"] for each in schema}
        parts = {role: KeyPart(name, kinds[name]) for role, name in names.items()}
        present = tuple(parts[role] for role in _MAX_BYTES if role in parts)
        return cls(parts["HASH"], parts.get("RANGE"), present, "N" in {part.kind for part in present})

    def values(self, item: Item) -> tuple[Any, Place]:
        """Return the partition key and the place of an item that has them."""
        if self.range is None:
            return sortable(item[self.hash.name]), ()
        return sortable(item[self.hash.name]), (sortable(item[self.range.name]),)

    def of_item(self, item: Item) -> tuple[Any, Place]:
        """Return the key of an item that is put; raises `ValidationException`."""
        for part in self.parts:
            if part.name not in item:
                raise ValidationException(f"{_INVALID}Missing the key {part.name} in the item")
            if part.kind not in item[part.name]:
                raise ValidationException(
                    f"{_INVALID}Type mismatch for key {part.name} expected: {part.kind} actual: "
                    f"{next(iter(item[part.name]))}"
                )
        self._check(item)
        return self.values(item)

    def of_key(self, key: Item) -> tuple[Any, Place]:
        """Return the key of a request that names an item by it; raises `ValidationException`."""
        is_key = len(key) == len(self.parts)
        for part in self.parts:
            is_key = is_key and part.kind in key.get(part.name, ())
        if not is_key:
            raise ValidationException("The provided key element does not match the schema")
        self._check(key)
        if self.has_number:
            key = {name: _normal(value) for name, value in key.items()}
        return self.values(key)

    def _check(self, key: Item) -> None:
        for part, role in zip(self.parts, _MAX_BYTES, strict=False):
            value = key[part.name][part.kind]
            if not value:
                raise ValidationException(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute "
                    f"cannot contain an empty {'string' if part.kind == 'S' else 'binary'} value. Key: {part.name}"
                )
            # No character takes more than four bytes.
            is_long = part.kind != "N" and 4 * len(value) > _MAX_BYTES[role]
            if is_long and len(value.encode() if part.kind == "S" else value) > _MAX_BYTES[role]:
                raise ValidationException(
                    f"{_INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes"
                    if role == "HASH"
                    else f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
                )

    def key_of(self, item: Item) -> dict[str, Any]:
        """Return a copy of an item's key attributes."""
        return {part.name: dict(item[part.name]) for part in self.parts}


def _normal(value: Value) -> Value:
    return {"N": normal_number(value["N"])} if "N" in value else value


@dataclass(frozen=True, slots=True)
class IndexSchema:
    """A global secondary index: its key, and the attributes that it projects, None for all."""

    name: str
    key: KeySchema
    table_key: KeySchema
    projection: frozenset[str] | None

    @classmethod
    def of(cls, request: Mapping[str, Any], table_key: KeySchema, kinds: Mapping[str, str]) -> "IndexSchema":
        """Return an index of CreateTable."""
        key = KeySchema.of(request["KeySchema"], kinds)
        projection = request["Projection"]
        names: frozenset[str] | None = None
        if projection["ProjectionType"] != "ALL":
            keys = (part.name for part in (*table_key.parts, *key.parts))
            names = frozenset((*keys, *projection.get("NonKeyAttributes", ())))
        return cls(request["IndexName"], key, table_key, names)

    def check(self, item: Item) -> None:
        """Raise `ValidationException` if an item has a key of the index that is none."""
        for part in self.key.parts:
            if part.name not in item:
                continue
            value = item[part.name]
            if part.kind not in value:
                raise ValidationException(
                    f"{_INVALID}Type mismatch for Index Key {part.name} Expected: {part.kind} "
                    f"Actual: {next(iter(value))} IndexName: {self.name}"
                )
            if not value[part.kind]:
                raise ValidationException(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not "
                    "supported. The AttributeValue for a key attribute cannot contain an empty "
                    f"{'string' if part.kind == 'S' else 'binary'} value. IndexName: {self.name}, "
                    f"IndexKey: {part.name}"
                )

    def place(self, item: Item) -> tuple[Any, Place] | None:
        """Return the partition key and place of an item in the index, None if it is not in it."""
        if any(part.name not in item for part in self.key.parts):
            return None
        hash_key, place = self.key.values(item)
        table_hash, table_place = self.table_key.values(item)
        return hash_key, (*place, table_hash, *table_place)

    def entry(self, item: Item) -> Item:
        """Return the attributes of an item that the index has."""
        if self.projection is None:
            return item
        return projected(item, ((name,) for name in self.projection))
