"""Common parts of `careconnect run` and `careconnect sam-local`: their end and their messages."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.commands.shared.terminal import remark, say
from careconnect_admin.errors import OperatorError, SettingError
from careconnect_admin.project import relative

if TYPE_CHECKING:
    from careconnect_admin.clients.demo import DemoClient
    from careconnect_admin.sample.records import StoryTeller

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on, on 127.0.0.1.")]
DataOption = Annotated[
    list[str] | None, typer.Option(help="NDJSON file, Bundle, or folder of these, to load instead of the sample.")
]

_FAILED: Final = 1
_WRONG_SETTING: Final = 2
_INTERRUPTED: Final = 130


@contextmanager
def in_foreground() -> Iterator[None]:
    """Turn the errors and signals that end a local service into one line on standard error and an exit code."""
    # Imported here, so that `careconnect --help` stays fast.
    from careconnect_admin.local.deploy.deployment import DeploymentError
    from careconnect_admin.local.deploy.packaging import PackagingError
    from careconnect_admin.local.local_stack import PortTakenError
    from careconnect_admin.local.stopping import stopping_in_order

    try:
        with stopping_in_order():
            yield
    except (PortTakenError, SettingError) as error:
        remark(f"careconnect: {error}")
        raise typer.Exit(_WRONG_SETTING) from None
    except (DeploymentError, OperatorError, PackagingError) as error:
        remark(f"careconnect: {error}")
        raise typer.Exit(_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def tell_clients(clients: "Sequence[DemoClient]") -> None:
    """Print the clients with their secrets, which are public or generated for this run."""
    for demo in clients:
        say("", demo.name, f"  client id  {demo.client_id}", f"  secret     {demo.secret}")
        say(f"  scope      {' '.join(demo.scopes)}")


def tell_stories(tellers: "Sequence[StoryTeller]") -> None:
    """Print the sample patients with a story, if there are any."""
    if tellers:
        say("", "Patients to look at, with two years of monthly vital signs each:")
    for each in tellers:
        say(f"  Patient/{each.patient_id}  {each.name:22}  NHS number {each.nhs_number}  {each.title}")


def tell_calls(base_url: str, demo: "DemoClient", path: str) -> None:
    """Print two requests for a terminal, as on the page; `path` is the resource that the second one reads."""
    what = "a patient" if path.startswith("Patient/") else path
    basic = base64.b64encode(f"{demo.client_id}:{demo.secret}".encode()).decode()
    text = f"""
A token, then {what}; paste as they are:

TOKEN=$(curl -sS -X POST '{base_url}/token?grant_type=client_credentials&client_id={demo.client_id}' \\
  -H 'Accept: application/json' -H 'Content-Type: application/x-www-form-urlencoded' \\
  -H 'Authorization: Basic {basic}' \\
  | tee /dev/stderr | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')

curl -sS '{base_url}{FHIR_PATH}/{path}' -H "Authorization: Bearer $TOKEN"
"""
    say(*text.split("\n"))


def tell_export(clients: "Sequence[DemoClient]") -> None:
    """Print how to export all records, as the client that reads them all."""
    from careconnect_admin.clients.demo import EXPLORER

    (explorer,) = (each for each in clients if each.client_id == EXPLORER)
    say("All records, as files in a new folder; paste it in another terminal:", "")
    say(f"CLIENT_SECRET='{explorer.secret}' .venv/bin/careconnect export records --client {EXPLORER}", "")


def tell_commands(environment: Path) -> None:
    """Print how to use the stack from another terminal; `environment` is the file that points AWS's tools at it."""
    say("Other commands, in another terminal:  .venv/bin/careconnect --help")
    say(f"AWS's own tools there, after:  . {relative(environment)}")


def tell_logs(folder: Path) -> None:
    """Print how to read the logs."""
    say("The functions' logs, there:  .venv/bin/careconnect logs --follow")
    say(f"The emulator's own:  {relative(folder / 'emulator.log')}")


def tell_ready(seconds: float, fhir_url: str, page: str = "") -> None:
    """Print the last lines of a start; `page` is the URL to open in a browser, if there is one.

    The last line is what a browser shows: the FHIR base takes no GET.
    """
    say("", f"Ready in {seconds:.1f} s: {fhir_url}  (Ctrl-C ends it)")
    if page:
        say(f"Open it in a browser:  {page}/")
