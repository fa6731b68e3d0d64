"""Let the emulator's Athena take a table's partitions from `storage.location.template`, as AWS's projection does."""

from pathlib import Path
from typing import Any

_TEMPLATE = "storage.location.template"
_COPIES = "ministack-athena-"


def project_partitions() -> None:
    """Make the folder of each object the value of the table's one partition key. Call it before it serves.

    The emulator copies a table's objects into a folder of its own, and knows partitions by folders named `key=value`.
    """
    from ministack.services import athena

    relation = athena._table_relation

    def projected(table: dict[str, Any], files: list[str]) -> Any:
        if _TEMPLATE in (table.get("Parameters") or {}):
            (key,) = table["PartitionKeys"]
            files = [_in_partition(key["Name"], Path(file)) for file in files]
        return relation(table, files)

    athena._table_relation = projected


def _in_partition(key: str, file: Path) -> str:
    """Move a copied object into its partition's folder (`2026-11-26/07` to `hour=2026-11-26%2F07`); return its path."""
    copies = next(folder for folder in file.parents if folder.name.startswith(_COPIES))
    value = file.parent.relative_to(copies).as_posix()
    moved = copies / f"{key}={value.replace('/', '%2F')}" / file.name
    moved.parent.mkdir(exist_ok=True)
    return str(file.rename(moved))
