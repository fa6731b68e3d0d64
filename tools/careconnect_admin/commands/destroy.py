"""`careconnect destroy`: destroy a deployed stack and all its data, after two confirmations."""

from typing import TYPE_CHECKING, Annotated

import typer

from careconnect_admin.commands.shared.on_stack import on_stack
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget
    from careconnect_admin.stack.teardown import Remains


@on_stack
def destroy(
    target: "StackTarget",
    yes: Annotated[
        str, typer.Option("--yes", metavar="NAME", help="Do not ask; repeat the stack's name here. For scripts.")
    ] = "",
) -> None:
    """Destroy the deployment named by --stack: its clients, records, tables and keys, and the stack itself.

    The bucket with the audit trail's archive stays, because nobody can delete its objects before their retention ends.

    The command asks twice. If it is interrupted, run it again. Only the deletion of the keys can be undone, for seven
    days.
    """
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.open_trail import operator_record
    from careconnect_admin.auditing.operator_events import NotAuditedError
    from careconnect_admin.stack.teardown import Teardown, deletion_date

    if target.is_local:
        raise OperatorError("name the deployment with --stack: a stack of `make run` goes with it, by Ctrl-C")
    if yes and yes != target.name:
        raise OperatorError(f"--yes {yes} does not name the stack {target.name}: nothing was destroyed")

    teardown = Teardown(target, tell=remark)
    remains = teardown.remains()
    if not yes:
        _ask(target, remains)

    def destroy_it() -> None:
        with working("Destroying"):
            teardown.destroy(remains)

    try:
        operator_record(target).done("destroy", Action.DELETE, {"stack": target.name}, destroy_it)
    except NotAuditedError as error:
        if not error.is_gone:
            raise
        # An earlier, interrupted run has deleted the audit table: the archive has that run's event.
        destroy_it()
    say(f"Destroyed {target.name}")
    date = deletion_date(target, remains.keys)
    if date is not None:
        remark(f"KMS deletes its keys on {date:%Y-%m-%d}: until then `aws kms cancel-key-deletion` keeps one.")
    if remains.locked_until is None:
        remark(f"The bucket {remains.bucket} stays: it has no Object Lock, and nothing deletes it.")
    else:
        remark(
            f"The bucket {remains.bucket} stays, locked until {remains.locked_until:%Y-%m-%d}: S3 then deletes its "
            "objects by itself, and `aws s3 rb` the bucket."
        )
    remark("DynamoDB keeps a last backup of the retained tables for 35 days, by itself: nothing deletes it sooner.")


def _ask(target: "StackTarget", remains: "Remains") -> None:
    """Show the resources to destroy, and ask for a yes and the stack's name; raises `OperatorError` otherwise."""
    remark(f"This destroys the stack {target.name} ({target.place}) and with it:")
    for name, table in remains.tables.items():
        remark(f"  the table {name} ({table}) with all that it holds")
    for key, use in remains.keys.items():
        remark(f"  the {use}, {key}")
    remark("Without its key no token is good any more.")
    lock = f"are locked until {remains.locked_until:%Y-%m-%d}" if remains.locked_until else "nothing locks"
    remark(f"It leaves the bucket {remains.bucket}, whose objects {lock}.")
    if not typer.confirm("Destroy them?", err=True):
        raise OperatorError("nothing was destroyed")
    if typer.prompt("Type the stack's name", err=True) != target.name:
        raise OperatorError("that is not its name: nothing was destroyed")
