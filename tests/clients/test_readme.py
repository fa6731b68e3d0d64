"""README.md: the blocks of its two calls work as they are pasted, in one shell, and may be pasted again."""

import os
import re
import subprocess
from typing import Final

import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.demo_list import demo_list
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT

pytestmark = [pytest.mark.clients, pytest.mark.long]

README: Final = (PROJECT / "README.md").read_text(encoding="utf-8")
CALLS: Final = README[README.index("## The two calls") : README.index("## Deploy it")]
LOCAL: Final = "http://127.0.0.1:3000"


@pytest.mark.usefixtures("service")
def test_the_two_calls_and_a_write_work_as_pasted_without_a_secret_at_hand(
    local_stack: LocalStack, clients: tuple[DemoClient, ...]
) -> None:
    # As `make run` does once its records are loaded.
    local_stack.open(demo_list(clients))
    blocks = re.findall(r"^```sh\n(.*?)^```$", CALLS, re.DOTALL | re.MULTILINE)
    script = "\n".join(blocks).replace(LOCAL, local_stack.base_url)
    environment = {name: value for name, value in os.environ.items() if name != "EDITOR_SECRET"}

    passes = [
        subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False)
        for _ in range(2)
    ]

    assert [done.stderr for done in passes] == ["", ""]
    for done in passes:
        found = re.findall(r'^\{"resourceType": ?"(\w+)"', done.stdout, re.MULTILINE)
        assert found == ["Patient", "Bundle", "Bundle", "CapabilityStatement", "Observation"]
    assert [re.findall(r"^HTTP/\S+ (\d+)", done.stdout, re.MULTILINE) for done in passes] == [["201"], ["200"]]
