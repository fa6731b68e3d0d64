"""The imports of a function at its start, with no packages present but those of its layers (cold start)."""

import re
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from careconnect_testing.stacks.cold_start import ENVIRONMENT, PACKAGES, cold_start

# Each starts a process.
pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]

UNUSED = {
    # boto3's layer over botocore, and the modules that its transfers use.
    *("boto3", "s3transfer", "multiprocessing", "concurrent.futures.process"),
    # Only writers need XML trees: answers in XML are assembled as text.
    *("lxml", "pydantic", "fhir", "fhir_core", "careconnect_records"),
    # Clients of services other than AWS, and modules that only tests or tools use.
    *("requests", "httpx", "asyncio", "sqlite3", "unittest", "careconnect_admin"),
}
"""Modules that no start imports, a writer's parser of FHIR apart."""

VERIFYING = {"jwt", "cryptography"}
"""Only who verifies or signs a token imports these; discovery publishes keys, of which it makes thumbprints."""

WRITING = {"lxml", "pydantic", "fhir", "fhir_core", "careconnect_records", "jsonpatch"}
"""Modules that only functions with resource validation import."""

LIKES = {
    "token_issuer": VERIFYING,
    "scope_authorizer": VERIFYING,
    "service_discovery": {"cryptography"},
    "record_writer": WRITING,
    "bundle_processor": WRITING,
    "write_recovery": {"careconnect_records"},
    "export_worker": {"careconnect_records"},
}
"""What a function imports of the modules above because it needs them."""

# The garbage collector runs after the start of the function, and never over earlier objects (ADR 29).
_WATCH = """
import gc, sys
FIRST = "careconnect.runtime", "careconnect.runtime.freeze_gc"
class Watch:
    def find_spec(self, name, *_):
        if name.startswith(("careconnect.", "botocore")) and name not in FIRST:
            assert not gc.isenabled(), name
sys.meta_path.insert(0, Watch())
"""
_TELL = """
assert gc.isenabled() and gc.get_freeze_count() > 1_000
print(*sorted(name for name, module in sys.modules.items() if module is not None))
"""


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def locked(layer: str) -> set[str]:
    """Return the distributions that a layer of dependencies holds."""
    text = (PROJECT / "layers" / layer / "requirements.txt").read_text(encoding="utf-8")
    return {_normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==", text, re.MULTILINE)}


def without_all_but(*layers: str) -> str:
    """Return statements that leave only our own code and the distributions of some layers importable.

    Libraries use optional packages if they are present (botocore awscrt, urllib3 OpenSSL). They are present here, but
    not in the layer.
    """
    held = {"careconnect-serverless"}.union(*map(locked, layers))
    absent = sorted(
        name for name, several in packages_distributions().items() if not held & {*map(_normalised, several)}
    )
    return f"import sys\nsys.modules.update(dict.fromkeys({absent!r}))"


@cache
def imported(package: str) -> frozenset[str]:
    """Return the modules that a function's start imports when nothing but its layers is installed."""
    layers = ("dependencies", "record_dependencies") if LIKES.get(package) == WRITING else ("dependencies",)
    ended = cold_start(package, ENVIRONMENT, _TELL, before=without_all_but(*layers) + _WATCH)
    assert ended.returncode == 0, ended.stderr
    return frozenset(ended.stdout.split())


def distributions_of(modules: frozenset[str]) -> set[str]:
    """Return the distributions that modules come from."""
    by_module = packages_distributions()
    found = {_normalised(one) for name in modules for one in by_module.get(name.partition(".")[0], ())}
    return found - {"careconnect-serverless", "setuptools", "pip"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_start_needs_no_more_than_its_layers_and_imports_nothing_that_it_does_not_use(package: str) -> None:
    modules = imported(package)

    assert {f"{package}.handler", "careconnect.runtime.freeze_gc"} <= modules
    assert modules & (UNUSED | VERIFYING) == LIKES.get(package, set()) & (UNUSED | VERIFYING)
    assert LIKES.get(package, set()) <= modules


def test_the_writer_uses_all_of_its_layer() -> None:
    assert locked("record_dependencies") <= distributions_of(imported("record_writer"))


def test_the_documents_list_of_the_authorizers_imports_is_that_of_the_code() -> None:
    text = " ".join((PROJECT / "docs/dependencies.md").read_text(encoding="utf-8").split())
    listed = text.partition("the authorizer imports ")[2].partition(" and nothing else")[0]

    assert set(re.findall(r"`([a-z0-9-]+)`", listed)) == distributions_of(imported("scope_authorizer"))
