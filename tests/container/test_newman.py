"""The Postman collection, by newman: the one that runs against `make run`, less what `sam local` has not.

These are the gateway's own answers, and bulk exports, whose state machine nothing runs there.
"""

import json
import subprocess
from pathlib import Path
from typing import Final

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.project import DOCS
from careconnect_testing.page.node_clients import FOLDER, NODE

EXPORTS: Final = "Bulk export"


def test_newman_runs_the_postman_collection(base_url: str, clients: tuple[DemoClient, ...], tmp_path: Path) -> None:
    report = tmp_path / "newman.json"
    collection = DOCS / "postman/collection.json"
    folders = [str(each["name"]) for each in json.loads(collection.read_text(encoding="utf-8"))["item"]]
    assert EXPORTS in folders
    secrets = {client.client_id: client.secret for client in clients}
    result = subprocess.run(
        [
            *(NODE, "node_modules/newman/bin/newman.js", "run", collection),
            *(word for name in folders if name != EXPORTS for word in ("--folder", name)),
            *("--environment", DOCS / "postman/environment.json", "--env-var", f"base={base_url}"),
            *("--env-var", f"clientSecret={secrets['explorer']}", "--env-var", f"editorSecret={secrets['editor']}"),
            *("--env-var", f"auditorSecret={secrets['auditor']}", "--env-var", "gatewayResponses=no"),
            *("--color", "off", "--reporters", "cli,json", "--reporter-json-export", report),
        ],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    done = json.loads(report.read_text(encoding="utf-8"))["run"]["stats"]
    assert done["requests"]["total"] > 300
    assert {each["failed"] for each in done.values()} == {0}
