"""`careconnect run`: the whole service on this machine, with demo clients and records, until stopped."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from careconnect_admin.commands.load import loading_progress, print_report
from careconnect_admin.commands.local_service import (
    DataOption,
    PortOption,
    in_foreground,
    tell_calls,
    tell_clients,
    tell_commands,
    tell_ready,
)
from careconnect_admin.project import LOCAL_FOLDER


def run(port: PortOption = 3000, data: DataOption = None) -> None:
    """Start the service on this machine and keep it up until Ctrl-C."""
    with in_foreground():
        _serve(port, data or [])


def _serve(port: int, data: Sequence[Path]) -> None:
    from careconnect_admin.local.local_stack import LocalStack
    from careconnect_admin.local.seeding import local_clients, seed

    begun = time.monotonic()
    clients = local_clients(os.environ.get("EXPLORER_SECRET"))
    # Who finds `metadata` answered is to find the clients and all of the records too.
    with LocalStack(port=port, log_folder=LOCAL_FOLDER / str(port), opened=False) as local:
        with loading_progress() as progress:
            dynamodb = local.client("dynamodb")
            report = seed(dynamodb, local.stack.outputs, clients, data, progress, base_url=local.base_url)
        print_report(report)
        local.open()
        environment = local.announce()
        tell_clients(clients)
        tell_calls(local.base_url, clients[0])
        tell_commands(environment)
        tell_ready(time.monotonic() - begun, local.fhir_url)
        local.serve()
