"""What a function imports when it starts, with no more packages about than its layer has (cold start)."""

import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from careconnect_testing.cold_start import ENVIRONMENT, PACKAGES, cold_start

PROJECT = Path(__file__).resolve().parents[2]

AUTHORIZER = {
    "aws-lambda-powertools",
    "botocore",
    "cffi",
    "cryptography",
    "jmespath",
    "pyjwt",
    "python-dateutil",
    "six",
    "typing-extensions",
    "urllib3",
}
"""Every distribution that the authorizer imports, directly or not; `docs/dependencies.md` says so too."""

PATCHING = {"jsonpatch", "jsonpointer"}
"""What a writer imports besides the records' layer, to apply a patch."""

# No reader verifies a signature; no function parses FHIR or talks to anything but AWS (and, the issuer, to key sets).
IMPORTS = {
    "scope_authorizer": AUTHORIZER,
    "fhir_reader": AUTHORIZER - {"pyjwt", "cryptography", "cffi"},
    "access_auditor": AUTHORIZER - {"pyjwt", "cryptography", "cffi"},
    "audit_archiver": AUTHORIZER - {"pyjwt", "cryptography", "cffi"},
    "token_issuer": AUTHORIZER,
    "service_discovery": AUTHORIZER - {"pyjwt"},
    # Nothing of AWS: what Powertools brings along is all.
    "service_console": {"aws-lambda-powertools", "botocore", "jmespath", "typing-extensions"},
}

WRITER = {*IMPORTS["fhir_reader"], *PATCHING}
"""What a writer imports beside what the records' layer does."""

_LIST_MODULES = """
import sys
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items() if module is not None}))
"""


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def locked(layer: str) -> set[str]:
    """Return the distributions that a layer of dependencies holds."""
    text = (PROJECT / "layers" / layer / "requirements.txt").read_text(encoding="utf-8")
    return {_normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==", text, re.MULTILINE)}


def without_all_but(*layers: str) -> str:
    """Return statements after which no distribution can be imported but those of some layers, and our own."""
    held = {"careconnect-serverless"}.union(*map(locked, layers))
    absent = sorted(
        name for name, several in packages_distributions().items() if not held & {*map(_normalised, several)}
    )
    return f"import sys\nsys.modules.update(dict.fromkeys({absent!r}))"


def distributions_of(modules: str) -> set[str]:
    """Return the distributions that modules, named with spaces between, come from."""
    distributions = packages_distributions()
    found = {_normalised(one) for name in modules.split() for one in distributions.get(name, ())}
    return found - {"careconnect-serverless", "setuptools", "pip"}


def imported(package: str) -> set[str]:
    """Return the distributions that a function's handler imports when nothing but its layers is installed.

    Libraries look for what they can use if it is there (botocore for awscrt, urllib3 for OpenSSL): here it is,
    in the layer it is not.
    """
    ended = cold_start(package, ENVIRONMENT, _LIST_MODULES, before=without_all_but("dependencies"))
    assert ended.returncode == 0, ended.stderr
    return distributions_of(ended.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("package", IMPORTS)
def test_a_function_imports_these_distributions_and_no_other(package: str) -> None:
    assert imported(package) == IMPORTS[package]


@pytest.mark.slow
def test_the_records_layer_imports_what_its_own_list_holds_and_no_other() -> None:
    # A model is loaded when the first resource of its type is looked at.
    use = (
        "import careconnect_records.change\nfrom careconnect_records.schema import model_of\nassert model_of('Patient')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", f"{without_all_but('record_dependencies')}\n{use}\n{_LIST_MODULES}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert distributions_of(ended.stdout) == locked("record_dependencies") - PATCHING


@pytest.mark.slow
def test_a_writer_imports_what_its_layers_hold_and_no_other() -> None:
    ended = cold_start(
        "record_writer", ENVIRONMENT, _LIST_MODULES, before=without_all_but("dependencies", "record_dependencies")
    )

    assert ended.returncode == 0, ended.stderr
    assert distributions_of(ended.stdout) == WRITER | locked("record_dependencies")


@cache
def started(package: str) -> set[str]:
    """Return the top-level modules that a function's handler imports when the tests' packages are installed too."""
    ended = cold_start(package, ENVIRONMENT, _LIST_MODULES)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("package", IMPORTS)
@pytest.mark.parametrize(
    "heavy",
    [
        *("pydantic", "fhir", "fhir_core", "lxml", "simplejson", "requests"),
        *("careconnect_admin", "careconnect_records"),
    ],
)
def test_nothing_heavy_is_imported_though_it_is_there(package: str, heavy: str) -> None:
    assert {"careconnect", package} <= started(package)
    assert heavy not in started(package)


MOST_MODULES = {
    "token_issuer": 495,
    "scope_authorizer": 465,
    "fhir_reader": 475,
    "access_auditor": 455,
    "audit_archiver": 455,
    "service_discovery": 465,
    "service_console": 250,
    "record_writer": 580,
}
"""How many modules of any kind a start imports, with room for what a Python of another version brings along."""

UNUSED = (
    # What boto3 puts on top of botocore, and what its transfers stand on.
    *("boto3", "s3transfer", "multiprocessing", "concurrent.futures.process"),
    *("boto3.resources", "boto3.docs"),
    # Trees of XML are for who writes: the answers in XML are put together as text.
    *("lxml", "pydantic", "fhir", "fhir_core"),
    # What talks to others than AWS, and what only tests or tools use.
    *("requests", "httpx", "asyncio", "sqlite3", "unittest"),
)
"""Modules that no start imports, a writer's parser of FHIR apart."""

_LIST_ALL = "import sys\nprint(*sorted(name for name, module in sys.modules.items() if module is not None))"


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_a_start_imports_no_more_modules_than_it_may_and_none_that_it_does_not_use(package: str) -> None:
    writes = package == "record_writer"
    layers = ("dependencies", "record_dependencies") if writes else ("dependencies",)
    ended = cold_start(package, ENVIRONMENT, _LIST_ALL, before=without_all_but(*layers))
    assert ended.returncode == 0, ended.stderr
    modules = set(ended.stdout.split())
    parser = {"lxml", "pydantic", "fhir", "fhir_core"} if writes else set()

    assert {f"{package}.handler", "careconnect.start"} <= modules
    assert len(modules) <= MOST_MODULES[package]
    assert modules.intersection(UNUSED) == parser


def test_the_documents_list_of_the_authorizers_imports_is_that_of_the_code() -> None:
    text = " ".join((PROJECT / "docs/dependencies.md").read_text(encoding="utf-8").split())
    listed = text.partition("the authorizer imports ")[2].partition(" and nothing else")[0]

    assert set(re.findall(r"`([a-z0-9-]+)`", listed)) == AUTHORIZER
