"""The layers as they are built: how large they are, and that a function finds all that it reads in them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest

from careconnect_testing.stacks.cold_start import ENVIRONMENT, PACKAGES, cold_start

# Built once, by whichever worker has them all.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("layers")]

PROJECT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000

MAX_BYTES = {"dependencies": 45 * MEGABYTE, "record_dependencies": 45 * MEGABYTE, "common": MEGABYTE * 2}
"""How large a layer may be, unzipped."""

LAMBDAS_MOST = 250 * MEGABYTE
"""How large a function and its layers may be together, unzipped."""


def build(layer: str, folder: Path, *options: str) -> Path:
    command = [sys.executable, str(PROJECT / "layers/build_layer.py"), str(PROJECT / "layers" / layer), str(folder)]
    subprocess.run([*command, *options], check=True, timeout=600)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The layers, for the Python and the machine that the tests run on."""
    folder = tmp_path_factory.mktemp("layers")
    return {
        layer: build(layer, folder / layer) for layer in ("dependencies", "record_dependencies", "common", "records")
    }


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_layers_are_small(built: dict[str, Path]) -> None:
    sizes = {layer: size(folder) for layer, folder in built.items()}

    assert {layer: sizes[layer] for layer, most in MAX_BYTES.items() if sizes[layer] > most} == {}
    assert sum(sizes.values()) < LAMBDAS_MOST / 2


@pytest.mark.parametrize(("processor", "machine"), [("x86_64", b"\x3e"), ("arm64", b"\xb7")])
def test_a_layer_is_built_for_another_processor_than_this_one(processor: str, machine: bytes, tmp_path: Path) -> None:
    wheels = PROJECT / "layers/platforms" / processor / "wheels.txt"
    folder = build("dependencies", tmp_path / "python", "--wheels", str(wheels))

    compiled = [*folder.rglob("*.so")]
    assert compiled
    # The machine in an ELF header (System V ABI, e_machine).
    assert {path.read_bytes()[18:19] for path in compiled} == {machine}
    assert size(folder) <= MAX_BYTES["dependencies"]


def paths(built: dict[str, Path], package: str) -> list[Path]:
    """Return where a function's modules are found in Lambda: its own folder and its layers."""
    functions = {
        each: folder for folder in (PROJECT / "functions").iterdir() for each in PACKAGES if (folder / each).is_dir()
    }
    # The function of Bundles has the readers' and the writers' packages beside its own.
    several = ("fhir_reader", "record_writer") if package == "bundle_processor" else ()
    writes = package in ("record_writer", "bundle_processor", "write_recovery", "export_worker")
    own = [functions[each] for each in (package, *several)]
    return [*own, *(folder for layer, folder in built.items() if writes or not layer.startswith("record"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_function_starts_with_its_layers_alone(built: dict[str, Path], package: str) -> None:
    ended = cold_start(package, ENVIRONMENT, only=paths(built, package))

    assert ended.returncode == 0, ended.stderr


def test_a_client_is_what_the_whole_of_botocore_makes(built: dict[str, Path]) -> None:
    def seen(only: list[Path]) -> Any:
        command = [sys.executable, "-I", "-S", "-c", _SEEN, *map(str, only)]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=600).stdout)

    stripped, whole = seen([built["dependencies"]]), seen([Path(botocore.__file__).parents[1]])

    assert stripped == whole
    assert stripped["dynamodb eu-west-2"]["url"] == "https://dynamodb.eu-west-2.amazonaws.com"
    assert stripped["kms cn-north-1"]["url"] == "https://kms.cn-north-1.amazonaws.com.cn"
    assert "TransactWriteItems" in stripped["dynamodb eu-west-2"]["operations"]


# What a service is called by, and the shapes of what is asked and answered.
_SEEN = """
import json, sys
sys.path[:0] = sys.argv[1:]
import botocore.session

def shape_of(shape, above=()):
    if shape is None or shape.name in above:
        return shape and shape.name
    known = (*above, shape.name)
    members = getattr(shape, "members", {})
    return [shape.type_name, sorted((name, repr(shape_of(one, known))) for name, one in members.items())]

found = {}
for region in ("eu-west-2", "us-east-1", "cn-north-1", "us-gov-west-1"):
    for service in ("dynamodb", "kms", "s3"):
        client = botocore.session.Session().create_client(
            service, region, aws_access_key_id="a", aws_secret_access_key="b"
        )
        model = client.meta.service_model
        found[f"{service} {region}"] = {
            "url": client.meta.endpoint_url,
            "parameters": [each.name for each in model.client_context_parameters],
            "operations": {
                name: [repr(shape_of(model.operation_model(name).input_shape)),
                       repr(shape_of(model.operation_model(name).output_shape)),
                       [shape.name for shape in model.operation_model(name).error_shapes]]
                for name in model.operation_names
                if name in ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems",
                            "Sign", "GetPublicKey", "GenerateMac", "VerifyMac")
            },
        }
print(json.dumps(found))
"""


def test_every_module_has_its_bytecode_which_is_not_compared_with_it(built: dict[str, Path]) -> None:
    for folder in built.values():
        modules = list(folder.rglob("*.py"))
        assert modules
        for module in modules:
            (compiled,) = (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc")
            # Flags of a hash that is not checked (PEP 552).
            assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00"


def test_nothing_lies_in_a_layer_that_no_function_reads(built: dict[str, Path]) -> None:
    def names() -> Iterator[str]:
        for layer in ("dependencies", "record_dependencies"):
            yield from (path.relative_to(built[layer]).as_posix() for path in built[layer].rglob("*"))

    found = [*names()]
    services = {name.split("/")[2] for name in found if name.startswith("botocore/data/") and name.count("/") > 2}
    assert services == {"dynamodb", "kms", "lambda", "s3", "stepfunctions"}
    assert not [name for name in found if name.endswith((".pyi", ".pyx", "/RECORD"))]
    assert not [name for name in found if name.partition("/")[0] in ("pycparser", "cffi", "bin")]
    # Whose it is stays, and what a search for vulnerable packages goes by.
    assert [name for name in found if name.startswith("botocore-") and name.endswith(("/METADATA", "LICENSE.txt"))]


@pytest.mark.parametrize("function", ["TokenFunction", "PatientRecordFunction"])
def test_a_functions_package_has_its_bytecode_too(function: str, tmp_path: Path) -> None:
    package = {"TokenFunction": "token/token_issuer", "PatientRecordFunction": "fhir/fhir_reader"}[function]
    (tmp_path / "built").mkdir()
    makefile = PROJECT / "functions/Makefile"
    command = ["make", "--makefile", str(makefile), f"build-{function}", f"ARTIFACTS_DIR={tmp_path / 'built'}"]
    folder, name = (PROJECT / "functions" / package).parent, package.partition("/")[2]
    subprocess.run([*command, f"PYTHON={sys.executable}"], cwd=folder, check=True, timeout=600)

    modules = list((PROJECT / "functions" / package).rglob("*.py"))
    assert {path.name for path in (tmp_path / "built").iterdir()} == {name}
    assert (
        len(list((tmp_path / "built").rglob("*.pyc"))) == len(modules) == len(list((tmp_path / "built").rglob("*.py")))
    )
    compiled = next((tmp_path / "built" / name / "__pycache__").glob("handler.*.pyc"))
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00"
