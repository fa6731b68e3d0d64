"""docs/clients.md: its blocks, run from top to bottom in one shell, print the output that the page shows under them.

A second pass, in a new shell on the same service, prints the same.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import DOCS
from careconnect_testing.page.node_clients import FOLDER, NODE

pytestmark = [pytest.mark.clients, pytest.mark.long, pytest.mark.xdist_group("clients-page")]

PAGE: Final = (DOCS / "clients.md").read_text(encoding="utf-8")
BIN: Final = Path(sys.executable).parent
LOCAL: Final = "http://127.0.0.1:3000"
SECONDS: Final = 600

_FENCED: Final = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_READ_BY: Final = {"python": "python -", "js": "node --input-type=module -"}
_END: Final = "----- end of block"


@dataclass(frozen=True)
class Block:
    """A block of the page and its expected output."""

    line: int
    language: str
    text: str
    printed: str

    def __str__(self) -> str:
        return f"{self.language} at line {self.line}"

    def command(self) -> str:
        """Return the shell command that runs the block."""
        if self.language == "sh":
            return self.text
        return f"{_READ_BY[self.language]} <<'END_OF_BLOCK'\n{self.text}END_OF_BLOCK\n"


def blocks() -> Iterator[Block]:
    found = list(_FENCED.finditer(PAGE))
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block["language"] != "text":
            # The expected output comes straight below; a block without one prints nothing.
            is_printed = (
                after is not None and after["language"] == "text" and not PAGE[block.end() : after.start()].strip()
            )
            printed = after["text"].rstrip("\n") if after is not None and is_printed else ""
            yield Block(PAGE.count("\n", 0, block.start()) + 1, block["language"], block["text"], printed)


BLOCKS: Final = tuple(blocks())


@pytest.fixture(scope="module")
def printed(
    local_stack: LocalStack, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[Block, tuple[str, ...]]:
    """Return the output of each block in each of two passes."""
    passes = [_outputs(local_stack, tmp_path_factory.mktemp("clients-page"), number) for number in (1, 2)]
    return dict(zip(BLOCKS, zip(*passes, strict=True), strict=False))


def _outputs(local_stack: LocalStack, folder: Path, number: int) -> list[str]:
    (folder / "docs").symlink_to(DOCS)
    # Only the stack of `make run` is found without being named.
    script = [
        "set -e",
        f'. "{local_stack.announce()}"',
        f'careconnect() {{ "{BIN}/careconnect" "$@" --stack {local_stack.stack.name}; }}',
        f'python() {{ "{sys.executable}" "$@"; }}',
        f'node() {{ "{NODE}" "$@"; }}',
        # The reader's packages are installed already, in the versions of the lock.
        f'npm() {{ ln -s "{FOLDER}/node_modules" node_modules; }}',
        'npx() { node --no-deprecation "node_modules/.bin/$1" "${@:2}"; }',
    ]
    for block in BLOCKS:
        script += [block.command().replace(LOCAL, local_stack.base_url), f"echo '{_END}'"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    outputs = done.stdout.split(f"{_END}\n")
    if len(outputs) <= len(BLOCKS):
        pytest.fail(f"pass {number}, {BLOCKS[len(outputs) - 1]}:\n{outputs[-1]}\n{done.stderr}", pytrace=False)
    return outputs


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_prints_what_stands_under_it(printed: dict[Block, tuple[str, ...]], block: Block) -> None:
    expected = ".+".join(re.escape(part) for part in block.printed.split("…"))

    # curl ends its output without a new line.
    assert [each for each in printed[block] if not re.fullmatch(expected, each.rstrip("\n"))] == []


def test_the_page_has_a_block_of_every_library() -> None:
    code = "\n".join(block.text for block in BLOCKS)

    for library in (
        "authlib",
        "requests_oauthlib",
        "fhirpy",
        "fhirclient",
        "'oauth4webapi'",
        "'fhir-kit-client'",
        "curl",
    ):
        assert library in code
    assert {block.language for block in BLOCKS} == {"sh", "python", "js"}
