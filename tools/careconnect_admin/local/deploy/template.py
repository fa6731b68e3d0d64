"""Read a SAM template as CloudFormation sees it, with the included files inserted.

`python -m careconnect_admin.local.deploy.template SOURCE TARGET` writes the result as JSON, for linters that read one
file.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from samtranslator.yaml_helper import yaml_parse

from careconnect_admin.errors import OperatorError

_TRANSFORM: Final = "Fn::Transform"
_INCLUDE: Final = "AWS::Include"
# The C loader, if libyaml is there, takes a tenth of the time.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TemplateError(OperatorError):
    """The template or an included file cannot be read; the text names the file and the reason, for the operator."""


def read_template(path: Path) -> dict[str, Any]:
    """Return the template at `path`, with each `AWS::Include` of a local file replaced by the file's content.

    `sam package` uploads included files unchanged, and CloudFormation is stricter with them than SAM is with the
    template. It accepts no short form of a function (`!Ref`), no alias and no nested include there, so this function
    refuses them too.

    Raises:
        TemplateError: the template is missing or invalid, a file cannot be included, or a name occurs twice.
    """
    template = yaml_parse(_read(path))
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise TemplateError(f"{path}: not a CloudFormation template")
    template = _whole(template, path.parent)
    return dict(template)


def _whole(node: Any, folder: Path) -> Any:
    if isinstance(node, list):
        return [_whole(each, folder) for each in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _whole(value, folder) for key, value in node.items()}
    if not _is_include(rest.get(_TRANSFORM)):
        return rest
    path = folder / rest.pop(_TRANSFORM)["Parameters"]["Location"]
    snippet = _snippet(path)
    if twice := rest.keys() & snippet.keys():
        raise TemplateError(f"{path}: {', '.join(sorted(twice))} is in the template too")
    return rest | snippet


def _is_include(transform: Any) -> bool:
    return isinstance(transform, dict) and transform.get("Name") == _INCLUDE


def _snippet(path: Path) -> dict[str, Any]:
    text = _read(path)
    try:
        events = list(yaml.parse(text, _LOADER))
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise TemplateError(f"{path}: CloudFormation takes no YAML alias in a file that is included")
        # The loader would accept tags, because SAM's parser has registered them.
        nodes = [event for event in events if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)]
        if tags := [str(node.tag) for node in nodes if node.tag]:
            raise TemplateError(f"{path}: CloudFormation takes no {tags[0]} in a file that is included")
        snippet = yaml.load(text, _LOADER)  # noqa: S506 - either is a safe one
    except yaml.YAMLError as error:
        raise TemplateError(f"{path}: {error}") from error
    if not isinstance(snippet, dict):
        raise TemplateError(f"{path}: an included file holds names and values")
    if _TRANSFORM in json.dumps(snippet, default=str):
        raise TemplateError(f"{path}: CloudFormation takes no {_TRANSFORM} in a file that is included")
    return snippet


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{path}: {error.strerror}") from error


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(read_template(source), indent=1, default=str) + "\n", encoding="utf-8")
