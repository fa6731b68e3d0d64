"""The existence of patients, which the worker looks up: the keeper's role reads no record."""

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Absent(NamedTuple):
    """The ids of patients that do not exist or are deleted, and those of them that never existed."""

    absent: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


class WorkerPatients:
    """Asks the worker's function, and waits for its answer."""

    def __init__(self, client: "LambdaClient", function: str) -> None:
        self._client = client
        self._function = function

    def absent_among(self, patients: Collection[str]) -> Absent:
        """Return which patients are absent; raises the 503 outcome."""
        payload = json.dumps({"patients": list(patients)})
        try:
            answer = self._client.invoke(FunctionName=self._function, Payload=payload)
        except SERVICE_ERRORS as error:
            raise outcomes.unavailable(error_code(error)) from error
        if answer.get("FunctionError"):
            raise outcomes.unavailable("the worker failed")
        found = json.loads(answer["Payload"].read())
        return Absent(frozenset(found["absent"]), frozenset(found["never"]))
