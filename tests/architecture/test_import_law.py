"""The import contracts are written in pyproject.toml alone; each test breaks one of them."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from careconnect_testing.stacks.cold_start import PACKAGES

# Each breaks a contract in a process of its own.
pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
BOOK = PROJECT / "pyproject.toml"
SOURCES = ("functions", "layers/common", "layers/records", "tools")

DOWN = "Tools stand on functions, functions on the layers; that of Bundles alone stands on others"
RECORDS = "The records' layer is imported by what writes only"
HANDLER = "Nothing imports a handler"
APP = "The handler alone imports the app"
RECORDER = "The pipeline alone records audit events"
COMPOSITION = "The handler alone composes: settings, log, clients of AWS"
BOTO3 = "No function imports boto3: careconnect.runtime.aws makes its clients without it"
POWERTOOLS = "Powertools is imported by careconnect.runtime.observability only"
HEAVY = "No parser of FHIR and no HTTP library in a function's import path"
COMMON_ROOMS = "The common layer's rooms"
RECORDS_ROOMS = "The records layer's rooms"
READER = "The reader's rooms: search stands on the store"
WRITER = "The writer's rooms: the use case stands on what it decides by"
ADMIN = "The admin tool's rooms: commands stand on all the others"
COMMANDS = "The command line's libraries are imported by its commands only"
NO_CIRCLE = "No circle, within any package"

LAYER = "layers/common/careconnect"
RECORDS_LAYER = "layers/records/careconnect_records"
ISSUER = "functions/token/token_issuer"
READER_FOLDER = "functions/fhir/fhir_reader"
CONSOLE = "functions/console/service_console"
WRITER_FOLDER = "functions/writer/record_writer"
BUNDLES = "The rooms of Bundles: the endpoint stands on what reads and says an entry"
BUNDLES_FOLDER = "functions/bundle/bundle_processor"
WORKER = "The export worker's rooms: a step stands on what it reads and what it leaves"
WORKER_FOLDER = "functions/export_worker/export_worker"
ADMIN_FOLDER = "tools/careconnect_admin"

FORBIDDEN = [
    (DOWN, f"{LAYER}/oauth/scopes.py", "import token_issuer.tokens.grant_token"),
    (DOWN, f"{LAYER}/oauth/scopes.py", "import careconnect_admin.errors"),
    (DOWN, f"{ISSUER}/tokens/grant_token.py", "import careconnect_admin.errors"),
    (DOWN, f"{ISSUER}/tokens/grant_token.py", "import fhir_reader.read_resource"),
    (DOWN, f"{LAYER}/search/stored_values.py", "import careconnect_records.items.extract"),
    (DOWN, f"{RECORDS_LAYER}/items/resource_items.py", "import careconnect_admin.errors"),
    (DOWN, f"{RECORDS_LAYER}/items/resource_items.py", "import fhir_reader.read_resource"),
    (RECORDS, f"{READER_FOLDER}/store/stored.py", "import careconnect_records.parsing.exact_json"),
    (RECORDS, f"{ISSUER}/tokens/grant_token.py", "import careconnect_records.parsing.exact_json"),
    (RECORDS, "functions/authorizer/scope_authorizer/policy_for.py", "import careconnect_records.parsing.exact_json"),
    (
        RECORDS,
        "functions/discovery/service_discovery/app.py",
        "def late():\n    import careconnect_records.items.resource_items",
    ),
    (HANDLER, f"{ISSUER}/app.py", "import token_issuer.handler"),
    (HANDLER, f"{CONSOLE}/app.py", "import service_console.handler"),
    (APP, f"{CONSOLE}/built_site.py", "import service_console.app"),
    (DOWN, f"{CONSOLE}/app.py", "import service_discovery.built_documents"),
    (COMPOSITION, f"{CONSOLE}/app.py", "import careconnect.runtime.settings"),
    (APP, f"{READER_FOLDER}/read_resource.py", "import fhir_reader.app"),
    (RECORDER, f"{READER_FOLDER}/search/page.py", "import careconnect.audit.recorder"),
    (RECORDER, f"{ISSUER}/app.py", "import careconnect.audit.recorder"),
    (COMPOSITION, f"{ISSUER}/tokens/grant_token.py", "import careconnect.runtime.settings"),
    (COMPOSITION, f"{LAYER}/endpoint/pipeline.py", "import careconnect.runtime.observability"),
    (COMPOSITION, f"{RECORDS_LAYER}/writes/plan.py", "import careconnect.runtime.settings"),
    (COMPOSITION, f"{READER_FOLDER}/app.py", "import careconnect.endpoint.composition"),
    (BOTO3, f"{ISSUER}/tokens/token_store.py", "import boto3"),
    (BOTO3, f"{LAYER}/runtime/aws.py", "import boto3"),
    (BOTO3, f"{LAYER}/oauth/signing_keys.py", "def kms():\n    import boto3"),
    (BOTO3, f"{RECORDS_LAYER}/writes/plan.py", "import boto3"),
    (POWERTOOLS, f"{RECORDS_LAYER}/writes/plan.py", "import aws_lambda_powertools"),
    (POWERTOOLS, f"{ISSUER}/app.py", "import aws_lambda_powertools"),
    (HEAVY, f"{LAYER}/fhir/outcomes.py", "import pydantic"),
    (HEAVY, f"{CONSOLE}/app.py", "import httpx"),
    (HEAVY, f"{LAYER}/fhir/rendering/bundle.py", "import simplejson"),
    (HEAVY, f"{READER_FOLDER}/history_entry.py", "import simplejson"),
    (COMMON_ROOMS, f"{LAYER}/fhir/request.py", "import careconnect.storage.keys"),
    (COMMON_ROOMS, f"{LAYER}/http/messages.py", "import careconnect.audit.event"),
    (COMMON_ROOMS, f"{LAYER}/another_room.py", ""),
    (RECORDS_ROOMS, f"{RECORDS_LAYER}/parsing/exact_json.py", "import careconnect_records.stu3.schema"),
    (RECORDS_ROOMS, f"{RECORDS_LAYER}/another_room.py", ""),
    (READER, f"{READER_FOLDER}/history_entry.py", "import fhir_reader.search.parse"),
    (READER, f"{READER_FOLDER}/store/stored.py", "import fhir_reader.search.result_order"),
    (READER, f"{READER_FOLDER}/another_room.py", ""),
    (WRITER, f"{WRITER_FOLDER}/request/preconditions.py", "import record_writer.write_resources"),
    (WRITER, f"{WRITER_FOLDER}/write_resources.py", "import record_writer.dynamodb_record_store"),
    (WRITER, f"{WRITER_FOLDER}/another_room.py", ""),
    (DOWN, f"{WRITER_FOLDER}/refusals.py", "import bundle_processor.refusals"),
    (APP, f"{BUNDLES_FOLDER}/app.py", "import record_writer.app"),
    (BUNDLES, f"{BUNDLES_FOLDER}/bundle_request.py", "import bundle_processor.entry_request"),
    (BUNDLES, f"{BUNDLES_FOLDER}/another_room.py", ""),
    (WORKER, f"{WORKER_FOLDER}/store.py", "import export_worker.selected"),
    (WORKER, f"{WORKER_FOLDER}/another_room.py", ""),
    (ADMIN, f"{ADMIN_FOLDER}/stack/target.py", "import careconnect_admin.local.local_stack"),
    (ADMIN, f"{ADMIN_FOLDER}/loading/load.py", "import careconnect_admin.commands.load"),
    (ADMIN, f"{ADMIN_FOLDER}/clients/demo.py", "import careconnect_admin.signing.key_ring"),
    (ADMIN, f"{ADMIN_FOLDER}/another_room.py", ""),
    (NO_CIRCLE, f"{LAYER}/fhir/nearest_name.py", "import careconnect.fhir.unknown_path"),
    (NO_CIRCLE, f"{RECORDS_LAYER}/stu3/schema.py", "import careconnect_records.stu3.validation"),
    (NO_CIRCLE, f"{LAYER}/search/matching.py", "import careconnect.search.criteria"),
    (NO_CIRCLE, f"{LAYER}/fhir/rendering/formats.py", "def late():\n    import careconnect.fhir.rendering.views"),
    (NO_CIRCLE, f"{READER_FOLDER}/store/stored.py", "def late():\n    import fhir_reader.store.resource_store"),
    (COMMANDS, f"{ADMIN_FOLDER}/sample/records.py", "import typer"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of all code and of the book."""
    root = tmp_path_factory.mktemp("copy")
    for source in SOURCES:
        shutil.copytree(PROJECT / source, root / source, ignore=shutil.ignore_patterns("__pycache__", "*.json", "web"))
    shutil.copy(BOOK, root)
    return root


def judged(root: Path) -> str:
    """Return import-linter's output for the code below `root`."""
    folders = [root / source for source in ("layers/common", "layers/records", "tools")]
    folders += [each for each in (root / "functions").iterdir() if each.is_dir()]
    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout + ended.stderr


def module_of(file: str) -> str:
    """Return the name that a module of a file is imported by."""
    parts = Path(file).with_suffix("").parts
    packages = ("careconnect", "careconnect_records", "careconnect_admin", *PACKAGES)
    # A function's folder may have the name of its package.
    package = max(index for index, part in enumerate(parts) if part in packages)
    return ".".join(parts[package:])


def test_a_forbidden_import_breaks_its_contract(copy: Path) -> None:
    """All contracts are broken in one run: the output reports each under its name."""
    contracts = tomllib.loads(BOOK.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    assert {name for name, _, _ in FORBIDDEN} == {contract["name"] for contract in contracts}
    assert judged(copy).rstrip().endswith(" 0 broken.")

    for _, file, line in FORBIDDEN:
        with (copy / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    _, _, told = judged(copy).partition("Broken contracts")

    for contract, file, line in FORBIDDEN:
        _, _, section = told.partition(f"{contract}\n---")
        section, _, _ = section.partition("\n---")
        if contract == NO_CIRCLE:
            # Of a circle it names one import, which may be another one.
            assert f"No cycles are allowed in {module_of(file).rpartition('.')[0]}." in section, (file, line)
        else:
            assert module_of(file) in section, (contract, file)
            assert line.rpartition("import ")[2] in section, (contract, line)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (f"{ISSUER}/tokens/grant_token.py", "import os\n\nos.environ\n"),
        (f"{ISSUER}/app.py", "from os import environ\n\nenviron\n"),
        (f"{LAYER}/runtime/settings.py", 'import os\n\nos.getenv("X")\n'),
        (f"{LAYER}/runtime/observability.py", "import os\n\nos.environb\n"),
        (f"{ISSUER}/tokens/grant_token.py", "from . import errors\n\nerrors\n"),
    ],
)
def test_the_environment_is_read_by_handlers_alone_and_no_import_is_relative(file: str, code: str) -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "check", "--select", "TID", "--stdin-filename", file, "-"],
        cwd=PROJECT,
        input=code,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 1
    assert "Found 1 error." in found.stdout
