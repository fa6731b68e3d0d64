"""Run Node in the folder of the console's sources: `python -m careconnect_testing.page.web_sources ARGUMENTS…`."""

import subprocess
import sys
from typing import Final

from careconnect_admin.project import PROJECT
from careconnect_testing.page.node_clients import NODE

WEB: Final = PROJECT / "functions/console/web"


def run(*arguments: str) -> int:
    """Run Node in the folder of the sources and return its exit code."""
    return subprocess.run([NODE, *arguments], cwd=WEB, check=False).returncode


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
