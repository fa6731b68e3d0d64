"""Paths of the project's own files."""

import re
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = PROJECT / "template.yaml"
DOCS: Final = PROJECT / "docs"
LOCAL_FOLDER: Final = PROJECT / ".local"
"""The files that local stacks leave on this machine, in one folder per port."""


_FUNCTION: Final = re.compile(r"^  (\w+)Function:\n    Type: AWS::Serverless::Function$", re.MULTILINE)


def function_names() -> tuple[str, ...]:
    """Return the names of the template's functions, in its order: `Token` for `TokenFunction`.

    Found by a pattern, because each start of the command line needs them and parsing the template takes a second.
    """
    return tuple(_FUNCTION.findall(TEMPLATE.read_text(encoding="utf-8")))


def relative(path: Path) -> Path:
    """Return `path` relative to the current folder, for a message."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
