"""The escapes of a search's values, in which a separator may stand for itself (STU3 Search §2.21.1.7)."""

import re


def split_unescaped(text: str, separator: str) -> list[str]:
    r"""Split at a separator that no backslash stands before, keeping the escapes (STU3 Search §2.21.1.7)."""
    parts = [""]
    characters = iter(text)
    for character in characters:
        if character == "\\":
            parts[-1] += character + next(characters, "")
        elif character == separator:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def unescape(text: str) -> str:
    r"""Undo `\,`, `\|`, `\$` and `\\`."""
    return re.sub(r"\\([,|$\\])", r"\1", text)
