"""`sam local invoke` of every function with every event of `events/`, on the running stack's tables and key."""

import json
import os
import subprocess
from urllib.parse import urlsplit

import pytest

from careconnect_admin.local.sam.sam_cli import sam_command
from careconnect_admin.project import LOCAL_FOLDER, PROJECT
from careconnect_admin.stack.running_stack import running_stacks
from careconnect_testing.http.events import FOLDER, FUNCTIONS, event_names, function_of

# What an event is answered with, by the end of its name, or by all of it; with 200 if it is not here.
_STATUSES = {
    "expired": {401},
    "create": {201},
    "update": {200, 201},
    "delete": {204},
    # There is no state machine beside containers, and no job of that id.
    "export-kick-off": {503},
    "export-patients": {503},
    "export-status": {404},
    "export-cancel": {404},
    "export-file": {404},
    # No two stacks have recorded the same.
    "audit-read": {404},
}

# These go as far as to S3, where `make sam-local` has no archive, and end with what S3's client raises then.
_NO_ARCHIVE = {"archiver-stream": "ClientError", "verifier-verify": "NoSuchBucket"}


def test_every_function_has_an_event() -> None:
    assert {function_of(name) for name in event_names()} == set(FUNCTIONS.values())


@pytest.mark.parametrize("event", event_names())
def test_the_function_answers_its_event(event: str, base_url: str) -> None:
    port = urlsplit(base_url).port
    (running,) = running_stacks(port)
    image = os.environ.get("LAMBDA_IMAGE")
    command = sam_command(
        *("local", "invoke", function_of(event), "--event", str(FOLDER / f"{event}.json")),
        *("--env-vars", str(LOCAL_FOLDER / str(port) / "env.json"), "--region", running.region),
        *("--add-host", "host.docker.internal:host-gateway"),
        *(("--skip-pull-image", "--invoke-image", image) if image else ()),
    )
    credentials = {
        "AWS_ACCESS_KEY_ID": running.access_key_id,
        "AWS_SECRET_ACCESS_KEY": running.secret_access_key,
        "AWS_ENDPOINT_URL_STS": running.endpoint,
    }

    result = subprocess.run(
        command, cwd=PROJECT, env=os.environ | credentials, capture_output=True, text=True, timeout=180, check=False
    )

    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.strip().splitlines()[-1])
    if event.startswith("authorizer-"):
        # Whatever token a file holds, it is not this stack's.
        assert answer["errorMessage"] == "Unauthorized"
        assert "policyDocument" not in answer
    elif event in _NO_ARCHIVE:
        assert answer["errorMessage"] == _NO_ARCHIVE[event]
    elif event == "verifier-heartbeat":
        # It is answered with nothing, or fails as a job does: the function has started.
        assert answer is None or answer["errorType"] == "JobError", answer
    elif event == "recovery-each-minute":
        assert answer is None
    elif event == "export-worker-read":
        # There is no job of that id.
        assert answer == {"more": False}
    else:
        expected = _STATUSES.get(event) or _STATUSES.get(event.rpartition("-")[2], {200})
        assert answer["statusCode"] in expected, answer
