"""Build the content of a Lambda layer: `python build_layer.py LAYER FOLDER` writes the layer of LAYER to FOLDER.

A layer of dependencies holds the packages of its lock file, without the files that no function reads. Each layer
contains bytecode, because Lambda's layer folder is read-only: without it every start would compile every module that it
imports. Bytecode and packages are for the version of the Python that runs this script. The script needs only the
standard library and pip, because `sam build` provides nothing else.
"""

import argparse
import compileall
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

SERVICES = {"dynamodb": "dynamodb", "kms": "kms", "lambda": "lambda", "s3": "s3", "stepfunctions": "states"}
"""The AWS services that the functions create clients for, each with the name of its endpoints."""

_LOCK = "requirements.txt"
# The layer's folder in Lambda, shown in tracebacks.
_IN_LAMBDA = "/opt/python"

# Files that only type checkers, C compilers and pip read. The package metadata stays for vulnerability scanners, and
# the licences stay too.
_UNREAD = ("*.pyi", "*.pyx", "*.pxi", "*.pxd", "*.h", "py.typed")
_UNREAD_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "entry_points.txt", "top_level.txt")
_UNUSED = (
    "bin",
    # Needed only to compile C: `cryptography` is already compiled.
    "cffi",
    "pycparser",
    # For interactive use: boto3's resources and documentation.
    "boto3/data",
    "boto3/examples",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
    "lxml/html",
    "lxml/isoschematron",
    "lxml/objectify.*",
)
# FHIR versions other than STU3: the modules at the root are those of R5. The root's `__init__.py` has to stay.
_OTHER_FHIR = ("fhir/resources/R4B", "fhir/resources/[!_]*.py", "fhir/resources/tests", "fhir/resources/STU3/tests")


def main() -> None:
    """Build the layer named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", type=Path, help="the layer's folder: a lock, or packages of our own")
    parser.add_argument("folder", type=Path, help="where its content goes")
    parser.add_argument("--wheels", type=Path, help="a file of the platforms that wheels may be for; else this one's")
    given = parser.parse_args()
    build(given.layer, given.folder, given.wheels.read_text(encoding="utf-8").split() if given.wheels else ())


def build(layer: Path, folder: Path, platforms: Iterable[str] = ()) -> None:
    """Write a layer's content to the new `folder`; wheels are for one of `platforms`, or for this machine.

    Raises `CalledProcessError` if pip fails, and `RuntimeError` if a module cannot be compiled.
    """
    if (layer / _LOCK).is_file():
        _install(layer / _LOCK, folder, platforms)
        _strip(folder)
    else:
        shutil.copytree(layer, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)
    if not compileall.compile_dir(
        folder,
        quiet=1,
        force=True,
        stripdir=str(folder),
        prependdir=_IN_LAMBDA,
        # The zip has no usable file times to compare, and a layer's files never change.
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    ):
        raise RuntimeError(f"{layer}: a module cannot be compiled")


def _install(lock: Path, folder: Path, platforms: Iterable[str]) -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    chosen = [option for platform in platforms for option in ("--platform", platform)]
    command = (
        *(
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
        ),
        *("--no-compile", "--no-deps", "--only-binary=:all:", "--require-hashes"),
        *("--requirement", str(lock), "--target", str(folder)),
        *((*chosen, "--implementation", "cp", "--python-version", version) if chosen else ()),
    )
    subprocess.run(command, check=True)  # noqa: S603 - our own words and files


def _strip(folder: Path) -> None:
    for path in {*_found(folder, _UNREAD, _UNREAD_METADATA), *_unused(folder)}:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if (data := folder / "botocore/data").is_dir():
        _strip_data(data)


def _found(folder: Path, anywhere: Iterable[str], in_metadata: Iterable[str]) -> Iterator[Path]:
    for pattern in anywhere:
        yield from folder.rglob(pattern)
    for name in in_metadata:
        yield from folder.glob(f"*.dist-info/{name}")


def _unused(folder: Path) -> Iterator[Path]:
    for pattern in (*_UNUSED, *_OTHER_FHIR):
        yield from folder.glob(pattern)


def _strip_data(data: Path) -> None:
    """Reduce botocore's data to `SERVICES`: the newest description of each without its prose, and its endpoints."""
    for path in data.iterdir():
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)
    for service in SERVICES:
        *older, newest = sorted((data / service).iterdir())
        for version in older:
            shutil.rmtree(version)
        for path in newest.glob("examples-*"):
            path.unlink()
        for path in newest.glob("*.json.gz"):
            description = _without_prose(json.loads(gzip.decompress(path.read_bytes())))
            # botocore reads the documentation of these parameters at each call, and S3 has some.
            for parameter in description.get("clientContextParams", {}).values():
                parameter["documentation"] = ""
            _write(path.with_suffix(""), description)
            path.unlink()
    endpoints = data / "endpoints.json"
    known = json.loads(endpoints.read_bytes())
    for partition in known["partitions"]:
        partition["services"] = {
            name: partition["services"][name] for name in SERVICES.values() if name in partition["services"]
        }
    _write(endpoints, known)


def _without_prose(value: Any) -> Any:
    """Return a service description without its documentation texts."""
    if isinstance(value, dict):
        # A structure member that is called "documentation" is an object, and stays.
        return {
            name: _without_prose(one)
            for name, one in value.items()
            if not (name == "documentation" and isinstance(one, str))
        }
    return [_without_prose(one) for one in value] if isinstance(value, list) else value


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")


if __name__ == "__main__":
    main()
