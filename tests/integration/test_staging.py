"""The pipeline of docs/staging.md on the emulator: one build, packaged and deployed for each of two stacks."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from careconnect_admin.cli import app
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.project import DOCS, PROJECT
from careconnect_admin.restoring import switch_tables
from careconnect_admin.stack.emulator_client import REGION
from careconnect_admin.stack.running_stack import RunningStack, announce
from careconnect_testing.running.page_commands import commands_of, run_commands
from careconnect_testing.stacks.whole_template import whole_template

# One process deploys, and checks the result.
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("sam deploy")]

_STAGING, _PRODUCTION = "careconnect-staging", "careconnect"
_FUNCTIONS = [
    name for name, each in whole_template()["Resources"].items() if each["Type"] == "AWS::Serverless::Function"
]


@dataclass(frozen=True)
class TwoStacks:
    """The packaged template and the digests of the functions' code by logical id, for each stack's name.

    `left` are the digests of production after staging was deleted and production's release was deployed once more, and
    `table` is then the record table of production's readers, after a switch to restored tables.
    """

    release: dict[str, str]
    code: dict[str, dict[str, str]]
    left: dict[str, str]
    table: str


def answers() -> dict[str, tuple[str, str]]:
    """Return the stack's name and the parameters of each file in the page's table."""
    rows = re.findall(
        r'^\| `(samconfig\.\w+\.toml)` \| `([\w-]+)` \| `"(.+)"` \|$',
        (DOCS / "staging.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {file: (stack, parameters) for file, stack, parameters in rows}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> TwoStacks:
    """The stacks, deployed by the commands of the page from files in a folder of this test."""
    folder = tmp_path_factory.mktemp("staging")
    releases = {stack: folder / f"release-{file.split('.')[1]}.yaml" for file, (stack, _) in answers().items()}
    here = {path.name: str(path) for path in releases.values()}
    for file, (stack, parameters) in answers().items():
        here[file] = str(_configured(folder / file, stack, parameters))
    build, *commands = commands_of("staging.md", "The pipeline")
    assert build == "make build"
    with Emulator(folder / "emulator.log") as emulator:
        key = emulator.credentials
        running = RunningStack("", emulator.endpoint, REGION, "none", key.access_key_id, key.secret_access_key)
        with announce(running, folder) as environment:
            run_commands([f". {environment}", *commands], here)
            code = {stack: _code(emulator, stack) for stack in releases}
            again = [f"sam delete --stack-name {_STAGING} --no-prompts", f"{commands[-1]} Release=again"]
            run_commands([f". {environment}", *again], here)
        _switch(emulator)
        texts = {stack: path.read_text(encoding="utf-8") for stack, path in releases.items()}
        return TwoStacks(texts, code, _code(emulator, _PRODUCTION), _live_table(emulator))


def _configured(file: Path, stack: str, parameters: str) -> Path:
    # Of `TrafficShift` the emulator makes nothing: it has no CodeDeploy.
    given = parameters.replace("…", "someone@example.org")
    text = (PROJECT / "samconfig.toml").read_text(encoding="utf-8")
    for answer in ("stack_name", "s3_prefix"):
        text = text.replace(f'{answer} = "careconnect"', f'{answer} = "{stack}"')
    text = re.sub(r"^# parameter_overrides = .*$", f'parameter_overrides = "{given}"', text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return file


def _code(emulator: Emulator, stack: str) -> dict[str, str]:
    found = emulator.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    functions = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
    client = emulator.client("lambda")
    return {name: client.get_function_configuration(FunctionName=functions[name])["CodeSha256"] for name in _FUNCTIONS}


def _switch(emulator: Emulator) -> None:
    """Restore production's tables and switch to them, as `docs/recovery.md` says."""
    key = emulator.credentials
    variables = {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
    }
    instant = f"{datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch_tables, "WAIT_SECONDS", 0.0)
        patch.setattr(switch_tables, "_PAUSE", 0.1)
        for options in (["--to", instant], ["--switch", "--yes"]):
            arguments = ["restore", *options, "--stack", _PRODUCTION, "--region", REGION]
            result = CliRunner().invoke(app, arguments, env=variables)
            assert result.exit_code == 0, result.output


def _live_table(emulator: Emulator) -> str:
    stack = emulator.client("cloudformation").describe_stack_resources(StackName=_PRODUCTION)["StackResources"]
    (name,) = (one["PhysicalResourceId"] for one in stack if one["LogicalResourceId"] == "PatientRecordFunction")
    live = emulator.client("lambda").get_function_configuration(FunctionName=name, Qualifier="live")
    return str(live["Environment"]["Variables"]["RECORD_TABLE"])


def test_the_page_has_a_file_for_each_stack() -> None:
    assert [stack for stack, _ in answers().values()] == [_STAGING, _PRODUCTION]


def test_both_stacks_have_the_code_of_one_release(stacks: TwoStacks) -> None:
    staging, production = stacks.code[_STAGING], stacks.code[_PRODUCTION]

    assert staging == production
    assert all(staging.values())


def test_a_release_still_deploys_after_another_stack_was_deleted(stacks: TwoStacks) -> None:
    assert stacks.left == stacks.code[_PRODUCTION]


def test_restored_tables_are_put_into_service_after_another_stack_was_deleted(stacks: TwoStacks) -> None:
    assert re.fullmatch(rf"{_PRODUCTION}-restored-\w+-record", stacks.table)


@pytest.mark.parametrize("stack", [_STAGING, _PRODUCTION])
def test_a_release_names_uploaded_files_of_its_stack_only(stacks: TwoStacks, stack: str) -> None:
    class Loader(yaml.SafeLoader):
        pass

    def any_tag(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return loader.construct_scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        assert isinstance(node, yaml.MappingNode)
        return loader.construct_mapping(node, deep=True)

    Loader.add_multi_constructor("!", any_tag)
    release = stacks.release[stack]
    resources = yaml.load(release, Loader)["Resources"]  # noqa: S506 - a safe one
    places = {
        resources[name]["Properties"][member]
        for name, member in [*((name, "CodeUri") for name in _FUNCTIONS), ("CommonLayer", "ContentUri")]
    }
    included = re.findall(r"^\s*Location: (\S+)$", release, re.MULTILINE)
    assert included
    own = re.compile(rf"s3://[^/]+/{stack}/\w+(\.\w+)?")
    assert not [place for place in (*places, *included) if not own.fullmatch(place)]
