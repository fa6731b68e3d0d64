"""The state machine of exports: an execution for each job, and one to remove a job before its time."""

import json
import secrets
from typing import TYPE_CHECKING, Final

from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ALREADY: Final = "ExecutionAlreadyExists"


class StepFunctionsMachine:
    """Starts executions, whose names begin with the job's id."""

    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def run(self, job_id: str) -> None:
        """Start the steps of a job, once; raises the 503 outcome."""
        self._start(job_id, {"job": job_id})

    def remove(self, job_id: str) -> None:
        """Start the removal of a job that is about to end; raises the 503 outcome."""
        # One that began before may have found that the job goes on: an end that failed is tried again by a new one.
        self._start(f"{job_id}-{secrets.token_hex(4)}", {"job": job_id, "remove": True})

    def _start(self, name: str, given: dict[str, str | bool]) -> None:
        # Its history is kept for 90 days: the job's id and nothing else.
        try:
            self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(given))
        except SERVICE_ERRORS as error:
            if error_code(error) != _ALREADY:
                raise outcomes.unavailable(error_code(error)) from error
