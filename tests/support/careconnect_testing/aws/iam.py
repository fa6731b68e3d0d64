"""Evaluate an IAM policy as IAM does: deny by default, a Deny wins, `*` and `?` match `/` too."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any


def allows(policy: Mapping[str, Any], action: str, resource: str) -> bool:
    """Return True if a policy document allows `action` on a resource ARN."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(_matches(pattern.lower(), action.lower()) for pattern in _several(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in _several(statement["Resource"]))
    }
    return effects == {"Allow"}


def _several(one_or_more: str | list[str]) -> Iterable[str]:
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


def _matches(pattern: str, text: str) -> bool:
    return _expression(pattern).fullmatch(text) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)
