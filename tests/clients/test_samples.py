"""docs/samples: each does the same journey, twice: token, read, search, and a create that may be sent again."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.project import DOCS
from careconnect_testing.http.client_service import Service
from careconnect_testing.page.node_clients import NODE

pytestmark = [pytest.mark.clients, pytest.mark.long]

SAMPLES: Final = DOCS / "samples"
SECONDS: Final = 300
COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "py": (sys.executable,),
    "ts": (str(NODE),),
    "sh": ("bash",),
    "java": ("java",),
    "go": ("go", "run"),
    "cs": ("dotnet", "run"),
}
NEEDED: Final = {"sh": ("curl", "jq", "openssl")}
NET: Final = 10
"""The first .NET that runs a single file."""


def command(language: str, sample: str = "quickstart") -> list[str]:
    """Return the command that runs a sample; skip the test if the machine lacks a tool that it needs."""
    program, *more = COMMANDS[language]
    for tool in (program, *NEEDED.get(language, ())):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if language == "cs":
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.partition(".")[0]) < NET:
            pytest.skip(f"dotnet is older than {NET}")
    return [program, *more, str(SAMPLES / f"{sample}.{language}")]


def outputs(run: list[str], service: Service, client: DemoClient, folder: Path) -> list[list[str]]:
    """Run a sample twice as a client and return the lines that each run prints."""
    names = {"CLIENT_ID": client.client_id, "CLIENT_SECRET": client.secret}
    lines = []
    for _ in range(2):
        done = subprocess.run(
            run,
            cwd=folder,
            env=os.environ | names | {"BASE": service.base, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout.splitlines())
    return lines


def delete_observation(service: Service, identifier: str) -> None:
    """Delete the observation with an identifier, if there is one."""
    pair, form = (service.editor.client_id, service.editor.secret), {"grant_type": "client_credentials"}
    with httpx.Client(timeout=30, trust_env=False) as http:
        token = http.post(f"{service.base}/token", data=form, auth=pair).json()["access_token"]
        url, headers = f"{service.fhir_base}/Observation", {"Authorization": f"Bearer {token}"}
        http.delete(url, params={"identifier": identifier}, headers=headers).raise_for_status()


@pytest.mark.parametrize("language", COMMANDS)
def test_a_sample_reads_searches_and_writes_and_may_run_again(service: Service, tmp_path: Path, language: str) -> None:
    lines = outputs(command(language), service, service.editor, tmp_path)

    (family, found, created), (_, found_again, known) = lines
    assert family == "Muñoz"
    assert int(found_again.removesuffix(" observations")) > int(found.removesuffix(" observations"))
    assert int(found.removesuffix(" observations")) >= len(service.observations)
    assert re.fullmatch(r"201 Observation/[A-Za-z0-9.-]+", created)
    assert known == created.replace("201", "200")


@pytest.mark.parametrize("language", ["py", "ts", "sh"])
def test_a_sample_with_a_bound_token_takes_the_nonces_that_its_client_needs(
    service: Service, tmp_path: Path, language: str
) -> None:
    run = command(language, "dpop")
    # The page of clients shows a run of one, too.
    delete_observation(service, f"https://my-app.example.org/dpop|{language}")

    first, second = outputs(run, service, service.bound_client, tmp_path)

    assert first == ["DPoP", "Muñoz", "true", "201"]
    assert second == ["DPoP", "Muñoz", "true", "200"]


def test_there_is_a_sample_in_every_language() -> None:
    samples = {path.suffix[1:]: path for path in SAMPLES.glob("quickstart.*")}

    assert samples.keys() == COMMANDS.keys()
    for path in samples.values():
        text = path.read_text(encoding="utf-8")
        for part in ("CLIENT_ID", "editor", "CLIENT_SECRET", "BASE", "/token", "Patient/4", "If-None-Exist"):
            assert part in text, (path.name, part)
