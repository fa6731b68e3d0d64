"""`careconnect deploy`: `sam deploy`, after a check of its parameters."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect_admin.commands.shared.on_stack import operator_errors
from careconnect_admin.commands.shared.terminal import remark
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from careconnect_admin.deploying.answers import Answers

_TEMPLATE: Final = Path("template.yaml")

_WITH_PAIRS: Final = ("--tags", "--metadata")

EXTRA_OPTIONS: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings of the command: it hands options that it does not know to `sam deploy`."""


def deploy(
    context: typer.Context,
    config_file: Annotated[Path, typer.Option("--config-file", help="The answers: a copy of samconfig.toml.")] = Path(
        "samconfig.local.toml"
    ),
    stack_name: Annotated[str, typer.Option("--stack-name", help="The stack, instead of the file's.")] = "",
    region: Annotated[str, typer.Option("--region", help="The AWS region, instead of the file's.")] = "",
    profile: Annotated[str, typer.Option("--profile", help="The AWS profile to sign in with.")] = "",
    template_file: Annotated[
        str, typer.Option("--template-file", help="A packaged template, instead of what was built.")
    ] = "",
    parameter_overrides: Annotated[
        list[str] | None,
        typer.Option("--parameter-overrides", metavar="NAME=VALUE…", help="Parameters, in place of the file's."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the parameters, and deploy nothing.")] = False,
) -> None:
    """Check a deployment's parameters, and run `sam deploy`, which also gets all further options.

    A misspelt parameter or a value that cannot work is refused before anything is changed. What was built is uploaded
    below the stack's own name, so that no other stack's removal takes it away.
    """
    from careconnect_admin.deploying.answers import read_answers
    from careconnect_admin.deploying.parameters import with_release
    from careconnect_admin.local.sam.sam_cli import sam_command

    more, further = _split(context.args)
    with operator_errors():
        answers = read_answers(
            config_file,
            [*parameter_overrides, *more] if parameter_overrides else more or None,
            stack_name=stack_name,
            region=region,
            profile=profile,
            template_file=template_file or os.environ.get("SAM_TEMPLATE_FILE", ""),
        )
        answers = replace(answers, parameters=with_release(answers.parameters, answers.stack))
        _check(answers)
    options = {
        "--config-file": str(config_file.resolve()),
        "--stack-name": answers.stack,
        "--s3-prefix": answers.stack,
        "--region": region,
        "--profile": profile,
        "--template-file": template_file,
    }
    arguments = [word for name, value in options.items() if value for word in (name, value)]
    if answers.parameters:
        pairs = (f'{name}="{value}"' for name, value in answers.parameters.items())
        arguments += ["--parameter-overrides", *pairs]
    if not check:
        raise typer.Exit(subprocess.call(sam_command("deploy", *arguments, *further)))  # noqa: S603


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the parameters among the words that are no option of this command, and the others, for `sam deploy`.

    One --parameter-overrides is followed by several parameters, of which the first alone is its value here.
    """
    parameters: list[str] = []
    further: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        is_parameter = "=" in word and not word.startswith("-") and before not in _WITH_PAIRS
        (parameters if is_parameter else further).append(word)
    return parameters, further


def _check(answers: "Answers") -> None:
    """Print what holds besides what is given; raises `OperatorError` with all that is wrong."""
    from careconnect_admin.deploying.parameters import faults, kept
    from careconnect_admin.deploying.patient_index import index_fault

    declared = _declared(answers.template)
    stack = _stack(answers)
    deployed = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    wrong = faults(declared, answers.parameters, deployed, answers.region)
    if text := index_fault(declared, answers.parameters, deployed, lambda: _is_filled(answers, stack)):
        wrong.append(text)
    if wrong:
        raise OperatorError("nothing was deployed: " + "; ".join(wrong))
    if stay := kept(declared, answers.parameters, deployed):
        remark(f"careconnect: kept as deployed: {' '.join(f'{name}={value}' for name, value in stay.items())}")
    values = {**deployed, **answers.parameters}
    if values.get("TrafficShift") == "true" and deployed and _is_raised(answers):
        raise OperatorError(
            "nothing was deployed: ServerErrors is raised, and would undo a gradual deployment: give TrafficShift=false"
        )
    if not (values.get("AlarmEmail") or values.get("AlarmTopicArn")):
        remark("careconnect: nobody is told of alarms: give AlarmEmail or AlarmTopicArn")


def _declared(template: str) -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse

    from careconnect_admin.deploying.answers import BUILT

    path = Path(template) if template else BUILT if BUILT.is_file() else _TEMPLATE
    try:
        return dict(yaml_parse(path.read_text(encoding="utf-8"))["Parameters"])
    except FileNotFoundError:
        raise OperatorError(f"{path} is not there: run this in the project's folder, after `make build`") from None


def _stack(answers: "Answers") -> dict[str, Any]:
    """Return the stack as CloudFormation describes it, empty if there is no such stack yet."""
    from botocore.exceptions import ClientError

    from careconnect.runtime.aws import error_code
    from careconnect_admin.stack.aws_errors import aws_remedies

    with aws_remedies():
        try:
            (stack,) = _client(answers, "cloudformation").describe_stacks(StackName=answers.stack)["Stacks"]
            return dict(stack)
        except ClientError as error:
            if error_code(error) == "ValidationError":
                return {}
            raise


def _is_filled(answers: "Answers", stack: "Mapping[str, Any]") -> bool:
    """Return True if the stack's audit table has the index by patient, filled."""
    from careconnect_admin.deploying.patient_index import is_active
    from careconnect_admin.stack.aws_errors import aws_remedies

    (table,) = (each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "AuditTable")
    with aws_remedies():
        return is_active(_client(answers, "dynamodb").describe_table(TableName=table)["Table"])


def _is_raised(answers: "Answers") -> bool:
    """Return True if the alarm that undoes a gradual deployment is raised."""
    from careconnect_admin.stack.aws_errors import aws_remedies

    with aws_remedies():
        found = _client(answers, "cloudwatch").describe_alarms(AlarmNames=[f"{answers.stack}-ServerErrors"])
    return any(alarm["StateValue"] == "ALARM" for alarm in found["MetricAlarms"])


def _client(answers: "Answers", service: str) -> Any:
    import boto3

    session = boto3.session.Session(region_name=answers.region or None, profile_name=answers.profile or None)
    make: Any = session.client
    return make(service)
