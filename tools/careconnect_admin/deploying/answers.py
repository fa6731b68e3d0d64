"""Read what `sam deploy` would be given: the stack, its region, its template and its parameters."""

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from careconnect_admin.errors import OperatorError

BUILT: Final = Path(".aws-sam/build/template.yaml")
"""Where `sam build` puts the template, below the current folder."""

_ENVIRONMENT: Final = "default"
_LONG_FORM: Final = re.compile(r"ParameterKey=(?P<name>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answers:
    """A deployment's answers; `region`, `profile` and `template` are empty if nothing names them."""

    stack: str
    region: str
    profile: str
    template: str
    parameters: dict[str, str]


def read_answers(config: Path, overrides: Sequence[str] | None = None, **given: str) -> Answers:
    """Return the answers of a configuration file of the SAM CLI, under what was `given` on the command line.

    `overrides` are parameters of the command line, in place of those of the file, as `sam deploy` takes them. Raises
    `OperatorError` if the file is missing, is no TOML or names no stack.
    """
    try:
        sections = tomllib.loads(config.read_text(encoding="utf-8")).get(_ENVIRONMENT, {})
    except FileNotFoundError:
        raise OperatorError(f"{config} is not there: copy samconfig.toml, and answer it (docs/deploy.md)") from None
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(f"{config}: {error}") from None
    values = _parameters(sections, "global") | _parameters(sections, "deploy")

    def answer(name: str) -> str:
        return given.get(name) or str(values.get(name, ""))

    stack = answer("stack_name")
    if not stack:
        raise OperatorError(f"{config} names no stack: give stack_name there, or --stack-name")
    said = values.get("parameter_overrides", ()) if overrides is None else overrides
    template = answer("template_file") or answer("template")
    return Answers(stack, answer("region"), answer("profile"), template, _pairs(said))


def _parameters(sections: Mapping[str, Any], command: str) -> dict[str, Any]:
    return dict(sections.get(command, {}).get("parameters", {}))


def _pairs(said: str | Sequence[str]) -> dict[str, str]:
    """Return parameters by name from `NAME=VALUE …`, one text or several; raises `OperatorError` for another form."""
    found = {}
    for text in [said] if isinstance(said, str) else said:
        for word in shlex.split(text):
            long = _LONG_FORM.fullmatch(word)
            name, equals, value = (long["name"], "=", long["value"]) if long else word.partition("=")
            if not equals or not name:
                raise OperatorError(f"parameters are NAME=VALUE, separated by spaces: {word} is not")
            found[name] = value
    return found
