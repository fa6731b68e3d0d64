"""Paths of the project's own files."""

from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = PROJECT / "template.yaml"
DOCS: Final = PROJECT / "docs"
LOCAL_FOLDER: Final = PROJECT / ".local"
"""The files that local stacks leave on this machine, in one folder per port."""


def relative(path: Path) -> Path:
    """Return `path` relative to the current folder, for a message."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
