"""What the pages tell an operator to type exists: each command of `careconnect`, its options, each target of `make`."""

import re
from collections.abc import Iterator
from typing import Any, Final

from typer.core import TyperGroup
from typer.main import get_command

from careconnect_admin.cli import app
from careconnect_admin.project import DOCS, PROJECT
from careconnect_testing.running.cases import each_of

_PAGES: Final = [str(each.relative_to(PROJECT)) for each in (*PROJECT.glob("*.md"), *DOCS.rglob("*.md"))]
_FENCED: Final = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"^(?:    .*\n)+", re.MULTILINE)
_SPAN: Final = re.compile(r"`([^`]+)`")
_TYPED: Final = re.compile(r"(?<![\w/.-])(?:\.venv/bin/)?(careconnect|make) ([^|#;&>)]+)")
_MAKEFILE: Final = (PROJECT / "Makefile").read_text(encoding="utf-8")
_TARGETS: Final = frozenset(re.findall(r"^([a-z][\w-]*):", _MAKEFILE, re.MULTILINE))
_ROOT: Final = get_command(app)


def code_of(page: str) -> Iterator[str]:
    """Yield the code of a page, by line of a block and by span of a text."""
    text = re.sub(r"\\\n\s*", " ", (PROJECT / page).read_text(encoding="utf-8"))
    for blocks in (_FENCED, _INDENTED):
        for block in blocks.findall(text):
            yield from block.splitlines()
        text = blocks.sub("\n", text)
    yield from (" ".join(span.split()) for span in _SPAN.findall(text))


def typed_in(page: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the programs that a page tells to type, each with its words."""
    for code in code_of(page):
        quoted = re.sub(r"\"[^\"]*\"|'[^']*'", "…", code.replace(r"\|", "/"))
        quoted = re.sub(r"(^|\s)#\s.*", "", quoted)
        yield from ((found[1], found[2].split()) for found in _TYPED.finditer(quoted))


def fault_of(words: list[str]) -> str:
    """Return the first word of a command line that `careconnect` does not know, empty if it knows all."""
    command: Any = _ROOT
    rest = iter(words)
    while isinstance(command, TyperGroup):
        name = next(rest, "")
        if not re.fullmatch(r"[a-z][a-z-]*", name):
            # The group as such, or any of its commands (`careconnect clients …`).
            return ""
        if name not in command.commands:
            return name
        command = command.commands[name]
    if command.context_settings.get("ignore_unknown_options"):
        return ""
    known = {"-h", "--help", *(each for option in command.params for each in (*option.opts, *option.secondary_opts))}
    given = (word.partition("=")[0].rstrip(",") for word in rest if re.match(r"--?[a-z]", word))
    return next((option for option in given if option not in known), "")


@each_of("page", _PAGES)
def test_what_a_page_tells_to_type_exists(page: str) -> None:
    for program, words in typed_in(page):
        if program == "make":
            target = words[0].strip("`,.")
            assert not re.fullmatch(r"[a-z][\w-]*", target) or target in _TARGETS, (page, target)
        else:
            assert fault_of(words) == "", (page, words)


def test_the_pages_for_operators_tell_most_commands() -> None:
    """So that the search above finds something."""
    told = {
        tuple(words[:2])
        for page in _PAGES
        for program, words in typed_in(page)
        if program == "careconnect" and fault_of(words) == ""
    }

    assert {("clients", "add"), ("versions", "prune"), ("keys", "rotate"), ("restore", "--lost")} <= told
    assert fault_of(["clients", "ad"]) == "ad"
    assert fault_of(["restore", "--frm", "x"]) == "--frm"
