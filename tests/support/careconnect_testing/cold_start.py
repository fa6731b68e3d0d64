"""Import a function's handler as Lambda does: in a new process, with the function's environment and nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping

_AWS = {
    "AWS_REGION": "eu-west-2",
    "AWS_DEFAULT_REGION": "eu-west-2",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


def cold_start(
    package: str, environment: Mapping[str, str], then: str = "", *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Import `package`'s handler in a new process, between other statements, and return how that ended."""
    return subprocess.run(
        [sys.executable, "-c", f"{before}\nimport {package}.handler\n{then}"],
        env={"PATH": os.environ["PATH"], **_AWS, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
