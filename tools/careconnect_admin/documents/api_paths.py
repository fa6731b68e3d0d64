"""The paths of `infra/api.yaml`, the deployed API, generated from the table of types. The rest is written by hand."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from careconnect import __version__
from careconnect.fhir.interactions import INTERACTIONS, OF_NO_TYPE, Agent, Interaction, Shape, interactions_of
from careconnect.fhir.request import BASE
from careconnect.fhir.resource_types import SERVED_TYPES, ResourceType, Table
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
_FUNCTIONS: Final = {
    (Agent.READER, Table.RECORD): "PatientRecordFunction",
    (Agent.READER, Table.DIRECTORY): "DirectoryFunction",
    (Agent.READER, Table.AUDIT): "AuditFunction",
    (Agent.WRITER, Table.RECORD): "RecordWriterFunction",
    (Agent.WRITER, Table.DIRECTORY): "DirectoryWriterFunction",
}
_OF_EXPORTS: Final = {Agent.EXPORTS: "ExportFunction", Agent.EXPORT_FILES: "ExportFileFunction"}
_BELOW: Final = ("/{id}", "/{id}/{proxy+}")
"""The gateway's paths below a type's name. API Gateway takes no `{proxy+}` beside an `{id}`."""
# The alias `live` follows the function's ARN literally: `sam local` does not resolve ${Function.Alias}.
_URI: Final = (
    "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/"
    "${{{function}.Arn}}:live/invocations"
)
_SECURED: Final = {
    Agent.READER: "security: [{ReadAuthorizer: []}], ",
    Agent.WRITER: "security: [{WriteAuthorizer: []}], ",
    Agent.BUNDLES: "security: [{WriteAuthorizer: []}], ",
    # Deleting a job writes no resource, and whoever may read starts one.
    Agent.EXPORTS: "security: [{ReadAuthorizer: []}], ",
    Agent.EXPORT_FILES: "security: [{ReadAuthorizer: []}], ",
}
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
            for verb in _verbs(BASE.interactions):
                methods[verb] = _method("BundleFunction", _SECURED[Agent.BUNDLES])
        yield _path(path, methods)
    for served in SERVED_TYPES:
        for rest in ("", *_BELOW):
            yield _path(f"{FHIR_PATH}/{served.name}{rest}", _methods(served, rest))
        for row in interactions_of(served):
            if row.operation and row.agent is Agent.WRITER:
                # A path of its own, since a POST below a type is a search.
                rest = row.shape.removeprefix("{type}").replace("{operation}", row.operation)
                writer = _method(_FUNCTIONS[row.agent, served.table], _SECURED[row.agent])
                yield _path(
                    f"{FHIR_PATH}/{served.name}{rest}", _methods(served, rest) | dict.fromkeys(_verbs([row]), writer)
                )
    yield from _export_paths()


def _export_paths() -> Iterator[str]:
    """Yield the paths of bulk exports, which a stack without them does not have."""
    found: dict[str, dict[str, str]] = {}
    for row in INTERACTIONS:
        if row.agent in _OF_EXPORTS:
            names = [""] if row.shape in OF_NO_TYPE else [each.name for each in SERVED_TYPES if row.of(each)]
            for name in names:
                below = row.shape.replace("{operation}", row.operation).replace("{type}", name)
                methods = found.setdefault(f"{FHIR_PATH}/{below}", dict.fromkeys(_VERBS, _method(_DISCOVERY)))
                methods |= dict.fromkeys(_verbs([row]), _method(_OF_EXPORTS[row.agent], _SECURED[row.agent]))
    for path, methods in found.items():
        first, *others = (f"{verb}: {method}\n" for verb, method in methods.items())
        yield f"  {path}:\n    Fn::If:\n      - ServesExports\n      - {first}"
        yield "".join(f"        {each}" for each in others) + '      - {Ref: "AWS::NoValue"}\n'


def _methods(served: ResourceType, rest: str) -> dict[str, str]:
    """Return the integration of each method on a type's name, or on all paths below it.

    A method that a type's writer takes anywhere goes to it everywhere, unless the reader takes it there: each function
    refuses the methods of its direction that a path does not have.
    """
    rows = interactions_of(served)
    methods = dict.fromkeys(_VERBS, _method(_DISCOVERY))
    for agent in (Agent.WRITER, Agent.READER):
        there = [each for each in rows if each.agent is agent and (agent is Agent.WRITER or _is_at(each, rest))]
        for verb in _verbs(there):
            methods[verb] = _method(_FUNCTIONS[agent, served.table], _SECURED[agent])
    return methods


def _is_at(row: Interaction, rest: str) -> bool:
    """Return True if the paths of a row are those of the gateway with `rest` after a type's name."""
    return (row.shape is Shape.TYPE) is not bool(rest)


def _verbs(rows: Iterable[Interaction]) -> Iterator[str]:
    for each in rows:
        yield from map(str.lower, each.methods)


def _path(path: str, methods: dict[str, str]) -> str:
    return f"  {path}:\n" + "".join(f"    {verb}: {method}\n" for verb, method in methods.items())


def _method(function: str, security: str = "") -> str:
    uri = f'{{"Fn::Sub": "{_URI.format(function=function)}"}}'
    return f"{{{security}x-amazon-apigateway-integration: {{type: aws_proxy, httpMethod: POST, uri: {uri}}}}}"
