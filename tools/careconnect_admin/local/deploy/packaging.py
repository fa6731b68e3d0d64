"""Package a SAM template for deployment as `sam build` and `sam package` do: folders become zips, and the
template names the zips. Included files are put in their place here already, as CloudFormation would do it.
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

# Property that names local code, per resource type.
_CODE_PROPERTY: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}
_LEFT_OUT: Final = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
# A fixed date makes equal content an equal zip, so that its digest can be its name.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o644 << 16


class PackagingError(Exception):
    """The template cannot be packaged; the text says why, for the operator."""


@dataclass(frozen=True)
class Package:
    """A template whose code locations are `s3://bucket/key`, and the zips by key."""

    template: Mapping[str, Any]
    artefacts: Mapping[str, bytes]


def package(template_path: Path, bucket: str) -> Package:
    """Return the template ready to deploy from `bucket`.

    Each folder is zipped once, however many resources name it. A layer with a BuildMethod gets its content
    under `python/`, where `sam build` puts it. A function whose folder holds its makefile is built as by `sam build`,
    into `build` beside the template; one that is built elsewhere gets its bytecode there, which the emulator's Python
    has no use for. Code that is not a local folder is left as it is.

    Raises:
        PackagingError: no template, not a template, a folder that it names is missing, or a build failed.
    """
    try:
        template = read_template(template_path)
    except TemplateError as error:
        raise PackagingError(str(error)) from error

    artefacts: dict[str, bytes] = {}
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
    """Return the zip of what `make build-<logical id>` in `folder` leaves in `target`.

    What was left there before stays, for the build to see that nothing has changed. Others that package at the same
    time wait for their turn.
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

    A folder that holds only requirements gives a zip of only these. The emulator runs the functions with the
    interpreter it runs in itself, and that environment is installed from the very lock that the dependency
    layer is built from (tools/requirements.txt contains it, version by version). To build the layer as well
    would cost every start 20 seconds and 100 MB, and put the same files on the path a second time.
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
