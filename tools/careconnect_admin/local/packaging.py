"""Package a SAM template for deployment as `sam build` and `sam package` do: folders become zips, and the
template names the zips. Included files are put in their place here already, as CloudFormation would do it.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from careconnect_admin.local.template import TemplateError, read_template

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
    under `python/`, where `sam build` puts it. Code that is not a local folder is left as it is.

    Raises:
        PackagingError: no template, not a template, or a folder that it names is missing.
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
        built_layer = name == "ContentUri" and "BuildMethod" in resource.get("Metadata", {})
        prefix = "python/" if built_layer else ""
        if (location, prefix) not in keys:
            content = zip_folder(folder, prefix)
            key = f"{folder.name}/{hashlib.sha256(content).hexdigest()}.zip"
            artefacts[key] = content
            keys[location, prefix] = key
        resource["Properties"][name] = f"s3://{bucket}/{keys[location, prefix]}"
    return Package(template, artefacts)


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
