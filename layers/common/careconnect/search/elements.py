"""The elements of a resource at a search parameter's path, and the tokens among them."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from careconnect.fhir.resource_types import SearchParameter
from careconnect.search.values import fold_token

_STEP: Final = re.compile(r"(?P<element>\w+)(?:\((?P<key>\w+)=(?P<required>[^)]+)\))?")

Steps = tuple[tuple[str, str, str], ...]
"""An element path: at each step the element's name, and the member with its value that selects repetitions, if any."""


@lru_cache(maxsize=512)
def steps_of(path: str) -> Steps:
    """Return the steps of an element path; the empty path has none."""
    steps = []
    for text in path.split(".") if path else ():
        step = _STEP.fullmatch(text)
        if step is None:
            raise ValueError(f"not an element path: {path}")
        steps.append((step["element"], step["key"] or "", step["required"] or ""))
    return tuple(steps)


def elements_at(node: Any, steps: Steps) -> Iterator[Any]:
    """Yield the elements of a JSON value at a path, each repetition."""
    if not steps:
        yield node
        return
    if not isinstance(node, dict):
        return
    (element, key, required), rest = steps[0], steps[1:]
    child = node.get(element)
    for repetition in child if isinstance(child, list) else (child,):
        if repetition is None or (key and repetition.get(key) != required):
            continue
        yield from elements_at(repetition, rest)


def tokens_of(parameter: SearchParameter, element: Any) -> Iterator[list[str]]:
    """Yield `[system, code]` of a code, boolean, Coding, CodeableConcept or Identifier."""
    system, code = parameter.system, ""
    if isinstance(element, bool):
        code = "true" if element else "false"
    elif isinstance(element, str):
        code = element
    elif "coding" in element:
        for coding in element["coding"]:
            yield from tokens_of(parameter, coding)
        return
    else:
        # A Coding has a code, an Identifier a value. A system alone makes no token.
        system, code = element.get("system") or "", element.get("code") or element.get("value") or ""
    folded = fold_token(
        code, case_sensitive=parameter.case_sensitive, punctuation=parameter.punctuation, mail=parameter.mail
    )
    if folded:
        yield [system, folded]


def token_values(parameter: SearchParameter, resource: Mapping[str, Any]) -> list[list[str]]:
    """Return the values of a token parameter of a resource, in JSON."""
    found = (element for path in parameter.paths for element in elements_at(resource, steps_of(path)))
    return [token for element in found for token in tokens_of(parameter, element)]
