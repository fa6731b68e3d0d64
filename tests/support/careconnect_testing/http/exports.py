"""Bulk exports over HTTP, as a client does them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from careconnect.http.base_url import FHIR_PATH

_SECONDS: Final = 120


@dataclass(frozen=True)
class BulkClient:
    """A client with a token that exports."""

    http: httpx.Client
    token: str

    def ask(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Request a URL, or a path below the FHIR base."""
        target = url if url.startswith("http") else f"{FHIR_PATH}/{url}"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, target, headers={"Authorization": f"Bearer {self.token}", **given})

    def start(self, path: str = "$export", body: Mapping[str, Any] | None = None) -> str:
        """Start an export; return the URL of its job."""
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": "respond-async"}
        if body is None:
            answer = self.http.get(f"{FHIR_PATH}/{path}", headers=headers)
        else:
            answer = self.http.post(f"{FHIR_PATH}/{path}", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Content-Location"])

    def wait(self, job: str) -> list[httpx.Response]:
        """Ask for a job's status until it is over, as often as it may be asked; return all answers."""
        answers = [self.ask(job)]
        until = time.monotonic() + _SECONDS
        while answers[-1].status_code == 202:
            assert time.monotonic() < until, answers[-1].headers["X-Progress"]
            time.sleep(max(2, int(answers[-1].headers["Retry-After"])))
            answers.append(self.ask(job))
        return answers


@dataclass(frozen=True)
class FinishedExport:
    """An export of everything that is complete: its client, the answers to its status, and its job's URL."""

    client: BulkClient
    job: str
    answers: list[httpx.Response]

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest."""
        assert self.answers[-1].status_code == 200, self.answers[-1].text
        manifest: dict[str, Any] = self.answers[-1].json()
        return manifest
