"""Where the project's own files are."""

from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = PROJECT / "template.yaml"
DOCS: Final = PROJECT / "docs"
LOCAL_FOLDER: Final = PROJECT / ".local"
"""What local stacks leave on this machine, a folder for each port."""


def relative(path: Path) -> Path:
    """Return `path` as this folder sees it, for a message."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
