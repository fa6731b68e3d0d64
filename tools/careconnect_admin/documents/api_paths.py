"""The paths of `infra/api.yaml`, the deployed API, generated from the table of types. The rest is written by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from careconnect import __version__
from careconnect.fhir.resource_types import SERVED_TYPES, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.project import PROJECT

API: Final = PROJECT / "infra" / "api.yaml"

_VERBS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
_DISCOVERY: Final = "DiscoveryFunction"
_CONSOLE: Final = "ConsoleFunction"
_OPEN: Final = {
    "/": _CONSOLE,
    "/docs": _CONSOLE,
    "/assets/{proxy+}": _CONSOLE,
    "/token": "TokenFunction",
    "/introspect": "TokenFunction",
    "/revoke": "TokenFunction",
    "/.well-known/jwks.json": _DISCOVERY,
    "/.well-known/oauth-authorization-server": _DISCOVERY,
    "/openapi.json": _DISCOVERY,
    "/llms.txt": _DISCOVERY,
    f"{FHIR_PATH}/.well-known/smart-configuration": _DISCOVERY,
    f"{FHIR_PATH}/metadata": _DISCOVERY,
    FHIR_PATH: _DISCOVERY,
    # Discovery answers all other paths with 404: it can read no data.
    f"{FHIR_PATH}/{{proxy+}}": _DISCOVERY,
}
_READERS: Final = {
    Table.RECORD: "PatientRecordFunction",
    Table.DIRECTORY: "DirectoryFunction",
    Table.AUDIT: "AuditFunction",
}
_WRITERS: Final = {Table.RECORD: "RecordWriterFunction", Table.DIRECTORY: "DirectoryWriterFunction"}
# The methods by the path after a type's name. A POST below a type is a search, also in a compartment. Each function
# refuses the methods of its direction that a path does not have.
_READ: Final = {"": ("get", "head"), "/{proxy+}": ("get", "head", "post")}
_WRITTEN: Final = {"": ("post", "put", "patch", "delete"), "/{proxy+}": ("put", "patch", "delete")}
# The alias `live` follows the function's ARN literally: `sam local` does not resolve ${Function.Alias}.
_URI: Final = (
    "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/"
    "${{{function}.Arn}}:live/invocations"
)
_READ_SECURED: Final = "security: [{ReadAuthorizer: []}], "
_WRITE_SECURED: Final = "security: [{WriteAuthorizer: []}], "
_HEADING: Final = "# ------------------------------------------------ made by `make docs`; do not edit below\n"
_BEGINNING: Final = f"""\
info: {{title: Care Connect, version: "{__version__}"}}
# Methods are named one by one: what a path does not take goes to a function without data permission, which says 405.
paths:
"""


def with_paths(document: str) -> str:
    """Return the text of `infra/api.yaml` with newly generated paths. The text before them stays.

    Raises:
        ValueError: `document` has no heading of the paths.
    """
    by_hand, heading, _ = document.partition(_HEADING)
    if not heading:
        raise ValueError("infra/api.yaml has lost the heading above its paths")
    return by_hand + heading + _BEGINNING + "".join(_paths())


def write_paths(path: Path = API) -> None:
    """Replace the paths in the file at `path`."""
    path.write_text(with_paths(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def _paths() -> Iterator[str]:
    for path, function in _OPEN.items():
        methods = dict.fromkeys(_VERBS, _method(function))
        if path == FHIR_PATH:
            methods["post"] = _method("BundleFunction", _WRITE_SECURED)
        yield _path(path, methods)
    for served in SERVED_TYPES:
        for rest, verbs in _READ.items():
            methods = dict.fromkeys(_VERBS, _method(_DISCOVERY))
            methods |= dict.fromkeys(verbs, _method(_READERS[served.table], _READ_SECURED))
            if served.writable:
                methods |= dict.fromkeys(_WRITTEN[rest], _method(_WRITERS[served.table], _WRITE_SECURED))
            yield _path(f"{FHIR_PATH}/{served.name}{rest}", methods)


def _path(path: str, methods: dict[str, str]) -> str:
    return f"  {path}:\n" + "".join(f"    {verb}: {method}\n" for verb, method in methods.items())


def _method(function: str, security: str = "") -> str:
    uri = f'{{"Fn::Sub": "{_URI.format(function=function)}"}}'
    return f"{{{security}x-amazon-apigateway-integration: {{type: aws_proxy, httpMethod: POST, uri: {uri}}}}}"
