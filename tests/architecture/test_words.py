"""Plain words: names of the field, docstrings that begin with a concrete subject, and pages of bounded length."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from careconnect_admin.project import PROJECT

CODE: Final = ("functions", "layers", "tools", "benchmarks", "tests")

# Each has a term of the field in its place: access path, index scan, chain, reference count, lease, quota and so on.
OWN_WORDS: Final = frozenset(
    (
        *("way", "ways", "stretch", "deep", "kept", "narrow", "narrowing", "mark", "marks", "claim", "staged"),
        *("stepwise", "shell", "told", "allowance", "account", "rehearsal", "unseen", "outrun", "witness", "lane"),
        *("turns", "likely"),
    )
)
OWN_PAIRS: Final = ("take_down", "one_processor")
# A claim is a part of a JWT, wherever tokens are read.
OF_TOKENS: Final = re.compile(r"token|authorizer|oauth|access_tokens")

_HINGE: Final = re.compile(r"\b(?:what|who|whose|whom)\b", re.IGNORECASE)
MAX_HINGED: Final = 0.03

MAX_MODULES: Final = 12
MAX_WORDS: Final = 42_000
MAX_LINES: Final = {"README.md": 150, "SECURITY.md": 150}
LONGEST_PAGE: Final = 200
SAMPLES: Final = "docs/clients.md"


@cache
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.splitlines() if (path := PROJECT / name).is_file()]


@cache
def modules() -> list[tuple[str, ast.Module]]:
    """Return the project's Python modules by their paths, parsed."""
    files = [path for path in tracked() if path.suffix == ".py" and path.relative_to(PROJECT).parts[0] in CODE]
    return [(str(path.relative_to(PROJECT)), ast.parse(path.read_text(encoding="utf-8"))) for path in files]


def words_of(name: str) -> list[str]:
    parts = (re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", part) for part in name.split("_"))
    return [word.lower() for part in parts for word in part]


def names() -> Iterator[tuple[str, str]]:
    """Yield (path, name) of each module, class and function."""
    for path, tree in modules():
        yield path, Path(path).stem
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node.name


def test_names_are_the_fields() -> None:
    found = []
    for path, name in names():
        words = words_of(name)
        own = OWN_WORDS & set(words)
        if OF_TOKENS.search(path):
            own -= {"claim"}
        if own or any(pair in "_".join(words) for pair in OWN_PAIRS):
            found.append(f"{path}: {name}")
    assert found == []


def test_a_name_is_read_word_by_word() -> None:
    assert words_of("takeDown_ofXMLPages") == ["take", "down", "of", "xml", "pages"]


def test_docstrings_begin_with_a_concrete_subject() -> None:
    firsts = [
        (path, docstring.splitlines()[0])
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if (docstring := ast.get_docstring(node))
    ]
    hinged = [f"{path}: {first}" for path, first in firsts if _HINGE.search(first)]
    assert len(hinged) < MAX_HINGED * len(firsts), "\n".join(hinged)


def test_no_package_holds_more_modules_than_a_reader_can_hold() -> None:
    held = Counter(
        str(Path(path).parent)
        for path, _ in modules()
        if not path.startswith("tests/") or path.startswith("tests/support")
        if Path(path).name != "__init__.py"
    )
    assert {folder: number for folder, number in held.items() if number > MAX_MODULES} == {}


def test_documents_stay_short() -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in tracked() if path.suffix == ".md"}
    assert sum(len(text.split()) for text in pages.values()) < MAX_WORDS
    lengths = {str(path.relative_to(PROJECT)): len(text.splitlines()) for path, text in pages.items()}
    long = {name for name, lines in lengths.items() if lines >= MAX_LINES.get(name, LONGEST_PAGE)}
    assert long <= {SAMPLES}, long
