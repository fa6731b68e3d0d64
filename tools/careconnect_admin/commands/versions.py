"""`careconnect versions`: the published versions of a stack's functions."""

from typing import TYPE_CHECKING, Annotated

import typer

from careconnect_admin.commands.shared.on_stack import on_stack
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

app = typer.Typer(name="versions", help="Delete old versions of functions.", no_args_is_help=True)


@app.callback()
def _versions() -> None:
    """Delete old versions of functions."""


@app.command()
@on_stack
def prune(
    target: "StackTarget",
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the newest versions stay.")] = 2,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete each function's versions but the newest ones and those in service: AWS charges for each.

    Two let you go back by one. Can be repeated.
    """
    from careconnect_admin.stack.function_versions import delete_versions, surplus_versions

    with working("Listing the versions"):
        surplus = surplus_versions(target, keep)
    if not surplus:
        say("No version is to be deleted")
        return
    for function in dict.fromkeys(each.logical_id for each in surplus):
        numbers = [str(each.number) for each in surplus if each.logical_id == function]
        remark(f"To delete: {function} {', '.join(numbers)}")
    if not yes:
        typer.confirm("Nothing brings them back. Delete them?", abort=True, err=True)
    with working("Deleting"):
        delete_versions(target, surplus)
    say(f"Deleted {len(surplus)} versions")
