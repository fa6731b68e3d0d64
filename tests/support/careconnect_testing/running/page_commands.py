"""Run the commands of a page of `docs`, as it intends: in the project's folder, with .venv/bin on the path."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from careconnect_admin.project import DOCS, PROJECT, TEMPLATE


def commands_of(page: str, heading: str) -> list[str]:
    """Return the lines of all shell blocks below a heading of the second level."""
    text = (DOCS / page).read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section, heading
    blocks = re.findall(r"```sh\n(.*?)```", section[1], re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def run_commands(lines: Sequence[str], here: Mapping[str, str]) -> str:
    """Run the lines in one shell, with names replaced as in `here`, and return what they print."""
    text = "\n".join(lines)
    for name, path in here.items():
        text = text.replace(name, path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # An earlier build in this folder must not be deployed.
    settings = {"SAM_CLI_TELEMETRY": "0", "SAM_TEMPLATE_FILE": str(TEMPLATE)}
    settings["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["sh", "-e", "-c", text]
    done = subprocess.run(command, cwd=PROJECT, env=kept | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout
