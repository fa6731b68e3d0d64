"""Indented JSON (`_pretty`), with numbers and strings unchanged to the letter."""

import re
from typing import Final

_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')


def pretty_json(text: str, depth: int = 0) -> str:
    """Return JSON text indented, starting at a `depth`, with its strings and numbers unchanged."""
    out: list[str] = []
    previous = ""
    for token in _JSON_TOKEN.findall(text):
        if token in "}]":
            depth -= 1
            out.append(token if previous in "{[" else "\n" + "  " * depth + token)
        elif token == ",":
            out.append(",\n" + "  " * depth)
        elif token == ":":
            out.append(": ")
        else:
            if previous and previous in "{[":
                out.append("\n" + "  " * depth)
            out.append(token)
            depth += token in "{["
        previous = token
    return "".join(out)
