"""The served types for the console's page, which explains a scope before it requests a token."""

import json
from pathlib import Path
from typing import Final

from careconnect.fhir.resource_types import SERVED_TYPES, Home
from careconnect_admin.project import PROJECT

CONSOLE_TYPES: Final = PROJECT / "functions/console/web/src/oauth/resource-types.json"


def console_types() -> str:
    """Return the text of `resource-types.json`, which the page's sources import."""
    rows = [
        {
            "name": each.name,
            "directory": each.home is Home.DIRECTORY,
            "writable": each.writable,
            "versioned": each.versioned,
            "byNameOnly": each.by_name_only,
            "scopeNames": list(each.scope_names),
        }
        for each in SERVED_TYPES
    ]
    return json.dumps(rows, indent=1) + "\n"


def write_console_types(path: Path = CONSOLE_TYPES) -> None:
    """Write `resource-types.json`."""
    path.write_text(console_types(), encoding="utf-8", newline="\n")
