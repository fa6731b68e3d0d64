"""Package a SAM template for deployment, as `sam build` and `sam package` do.

Folders become zips, which the template then names. Included files are inserted here, as CloudFormation would do it.
"""

import fcntl
import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from careconnect_admin.local.deploy.template import TemplateError, read_template

# The property that names local code, by resource type.
_CODE_PROPERTY: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}
_LEFT_OUT: Final = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
# With a fixed date equal content gives an equal zip, so that the digest can be its name.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o644 << 16


class PackagingError(Exception):
    """The template cannot be packaged; the text is the reason, for the operator."""


@dataclass(frozen=True)
class Package:
    """A template with code locations of the form `s3://bucket/key`, and the zips by key."""

    template: Mapping[str, Any]
    artefacts: Mapping[str, bytes]


def package(template_path: Path, bucket: str) -> Package:
    """Return the template ready to deploy from `bucket`.

    A state machine's definition is uploaded as it is. Each folder is zipped once, even if several resources name it. A
    layer with a BuildMethod gets its content under `python/`, where `sam build` puts it. A function with a makefile in
    its folder is built as by `sam build`, into `build` next to the template. A function that is built elsewhere gets
    its bytecode there, which the emulator's Python does not need. Code that is not a local folder is left unchanged.

    Raises:
        PackagingError: the template is missing or invalid, a folder that it names is missing, or a build failed.
    """
    try:
        template = read_template(template_path)
    except TemplateError as error:
        raise PackagingError(str(error)) from error

    artefacts: dict[str, bytes] = {}
    for resource in template["Resources"].values():
        if resource.get("Type") == "AWS::Serverless::StateMachine":
            path = template_path.parent / resource["Properties"]["DefinitionUri"]
            content = path.read_bytes()
            key = f"{path.stem}/{hashlib.sha256(content).hexdigest()}{path.suffix}"
            artefacts[key] = content
            resource["Properties"]["DefinitionUri"] = f"s3://{bucket}/{key}"
    keys: dict[tuple[str, str], str] = {}
    for logical_id, resource in template["Resources"].items():
        name = _CODE_PROPERTY.get(resource.get("Type", ""))
        location = resource.get("Properties", {}).get(name)
        if name is None or not isinstance(location, str) or location.startswith("s3://"):
            continue
        folder = template_path.parent / location
        if not folder.is_dir():
            raise PackagingError(f"{template_path}: {logical_id}.{name} is no folder: {location}")
        method = resource.get("Metadata", {}).get("BuildMethod")
        prefix = "python/" if name == "ContentUri" and method else ""
        if (location, prefix) not in keys:
            if name == "CodeUri" and method == "makefile" and (folder / "Makefile").is_file():
                content = _built(folder, logical_id, template_path.parent / "build" / logical_id)
            else:
                content = zip_folder(folder, prefix)
            key = f"{folder.name}/{hashlib.sha256(content).hexdigest()}.zip"
            artefacts[key] = content
            keys[location, prefix] = key
        resource["Properties"][name] = f"s3://{bucket}/{keys[location, prefix]}"
    return Package(template, artefacts)


def _built(folder: Path, logical_id: str, target: Path) -> bytes:
    """Return the zip of `target` after `make build-<logical id>` in `folder` has written to it.

    Files of an earlier build stay, so that make can see that nothing has changed. Concurrent packagings run one after
    another.
    """
    command = [
        "make",
        "--no-print-directory",
        f"build-{logical_id}",
        f"ARTIFACTS_DIR={target}",
        f"PYTHON={sys.executable}",
    ]
    target.mkdir(parents=True, exist_ok=True)
    with _alone(target.with_suffix(".lock")):
        try:
            subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
        except FileNotFoundError:
            raise PackagingError("`make` is not found: install it") from None
        except subprocess.CalledProcessError as error:
            raise PackagingError(f"{logical_id} cannot be built: {error.stderr.strip()}") from error
        return zip_folder(target)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def zip_folder(folder: Path, prefix: str = "") -> bytes:
    """Zip a folder's files, sorted, without caches; the same content gives the same bytes.

    A folder that holds only requirements gives a zip of only these. The emulator runs the functions with its own
    interpreter. That environment is installed from the same lock file as the dependency layer (tools/requirements.txt
    contains it, version by version). Building the layer too would cost every start 20 seconds and 100 MB, and put the
    same files on the path a second time.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(folder):
            entry = zipfile.ZipInfo(prefix + path.relative_to(folder).as_posix(), _DATE)
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not _LEFT_OUT.intersection(parts) and path.suffix != ".pyc":
            yield path
