"""The manifest of a bulk export, read with distrust: its names become paths, and its URLs get the token."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect_admin.errors import OperatorError

_TYPE: Final = re.compile(r"[A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export: its name in the folder, its URL, and how many lines it has to have."""

    name: str
    url: str
    count: int


def exported_files(manifest: Mapping[str, Any]) -> list[ExportedFile]:
    """Return the files that a manifest lists, named `Type.1.ndjson`, `deleted.1.ndjson` and `error.1.ndjson` on.

    The numbers follow the manifest's order. Raises `OperatorError` if it is not a manifest.
    """
    listed: list[tuple[Any, Any, Any]] = []
    try:
        listed = [
            (each["type"] if kind == "output" else kind, each["url"], each["count"])
            for kind in ("output", "deleted", "error")
            for each in manifest[kind]
        ]
        is_known = all(
            isinstance(url, str) and _TYPE.fullmatch(stem) and isinstance(count, int) for stem, url, count in listed
        )
    except (KeyError, TypeError):
        is_known = False
    if not is_known:
        raise OperatorError("the service answers with a manifest that cannot be read")
    numbers: Counter[str] = Counter()
    files = []
    for stem, url, count in listed:
        numbers[stem] += 1
        files.append(ExportedFile(f"{stem}.{numbers[stem]}.ndjson", url, count))
    return files
