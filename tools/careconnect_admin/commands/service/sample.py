"""`careconnect sample`: write the project's sample records into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from careconnect_admin.commands.shared.terminal import say
from careconnect_admin.sample.records import write_sample


def sample(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="The folder for the NDJSON files.")],
) -> None:
    """Write the project's sample records, one NDJSON file per type."""
    for name, count in write_sample(folder).items():
        say(f"{name:20} {count:5,}")
