"""The repository's `llms.txt`, which lists the pages of docs/README.md in the format of llmstxt.org."""

import re
from collections.abc import Iterator
from typing import Final

from careconnect_admin.project import DOCS, PROJECT

LLMS_INDEX: Final = PROJECT / "llms.txt"

_ROW: Final = re.compile(r"^\|(?P<reader>[^|]*)\| (?P<pages>[^|]*\]\([^|]*) \| (?P<task>[^|]*) \|$", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
_HEAD: Final = """\
# Care Connect, serverless

> An OAuth 2.0 token issuer and a FHIR STU3 API for Care Connect records, on AWS Lambda, API Gateway, DynamoDB and KMS.

A running service has an `llms.txt` of its own addresses at its root.
"""


def llms_index() -> str:
    """Return the text: a section for each kind of reader, a line for each page."""
    return _HEAD + "".join(_lines((DOCS / "README.md").read_text(encoding="utf-8")))


def write_llms_index() -> None:
    """Write `llms.txt`."""
    LLMS_INDEX.write_text(llms_index(), encoding="utf-8", newline="\n")


def _lines(table: str) -> Iterator[str]:
    for row in _ROW.finditer(table):
        if reader := row["reader"].strip():
            yield f"\n## {reader.capitalize()}\n\n"
        for name, target in _LINK.findall(row["pages"]):
            path = target.removeprefix("../") if target.startswith("../") else f"docs/{target}"
            yield f"- [{name.removeprefix('../')}]({path}): {row['task']}\n"
