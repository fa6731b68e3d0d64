"""The syntax of DynamoDB's expressions: their trees, and the parser of what they share.

Names and values stay tokens (`#name`, `:value`) in a tree, so that one tree serves every request with its text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.reserved_words import RESERVED_WORDS

_TOKEN: Final = re.compile(r"\s*(?:([A-Za-z_]\w*|[#:]\w+|\d+|<>|<=|>=|[=<>()\[\].,+-])|(\S))")

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Path:
    """A document path: an attribute's name or `#name`, then names and list indexes."""

    parts: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A value of the request, by its token."""

    token: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; `+` and `-` are functions too."""

    name: str
    arguments: "tuple[Operand, ...]"


Operand = Path | Given | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison by `=`, `<>`, `<`, `<=`, `>`, `>=`, `BETWEEN` (two further operands) or `IN` (one or more)."""

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Logical:
    """Conditions under `AND`, `OR` or `NOT`."""

    operator: str
    conditions: "tuple[Condition, ...]"


Condition = Comparison | Logical | Call


class Parser:
    """Reads the tokens of one expression; raises `ValidationException` at a syntax error.

    `kind` is the expression's parameter name. `used` collects the tokens of names and values;
    `parenthesised` is the last tree that was read in parentheses.
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.used: set[str] = set()
        self.parenthesised: object = None
        self._tokens: list[str] = []
        self._at = 0
        if not text.strip():
            raise ValidationException(f"Invalid {kind}: The expression can not be empty;")
        for token, wrong in _TOKEN.findall(text):
            if wrong:
                raise self.error(wrong)
            self._tokens.append(token)

    def error(self, token: str) -> ValidationException:
        """Return the error of an unexpected token."""
        return ValidationException(f'Invalid {self.kind}: Syntax error; token: "{token or "<EOF>"}"')

    @property
    def next(self) -> str:
        """The next token, empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    @property
    def second(self) -> str:
        """The token after the next, empty at the end."""
        return self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else ""

    def take(self) -> str:
        """Return the next token and go on."""
        token = self.next
        if not token:
            raise self.error("")
        self._at += 1
        return token

    def expect(self, *tokens: str) -> None:
        """Take some tokens, or raise."""
        for token in tokens:
            if self.next != token:
                raise self.error(self.next)
            self._at += 1

    def takes(self, word: str) -> bool:
        """Take a token if it is next, in any case."""
        if self.next.upper() != word:
            return False
        self._at += 1
        return True

    def end(self) -> None:
        """Raise unless all is read."""
        if self.next:
            raise self.error(self.next)

    def several(self, part: Callable[[], _Part]) -> tuple[_Part, ...]:
        """Parse parts that commas separate."""
        parts = [part()]
        while self.takes(","):
            parts.append(part())
        return tuple(parts)

    def path(self) -> Path:
        """Parse a document path."""
        parts: list[str | int] = [self._name()]
        while self.next in (".", "["):
            if self.take() == ".":
                parts.append(self._name())
            else:
                number = self.take()
                if not number.isdecimal():
                    raise self.error(number)
                parts.append(int(number))
                self.expect("]")
        return Path(tuple(parts))

    def given(self) -> Given:
        """Parse a value's token."""
        token = self.take()
        if not token.startswith(":"):
            raise self.error(token)
        self.used.add(token)
        return Given(token)

    def call(self) -> Call:
        """Parse a function and its arguments, whatever their number."""
        name = self.take()
        self.expect("(")
        arguments = self.several(self.operand)
        self.expect(")")
        return Call(name, arguments)

    def operand(self) -> Operand:
        """Parse a path, a value's token or a function."""
        if self.next.startswith(":"):
            return self.given()
        return self.call() if self.second == "(" else self.path()

    def _name(self) -> str:
        token = self.take()
        if token.startswith("#"):
            self.used.add(token)
        elif not (token[0].isalpha() or token[0] == "_"):
            raise self.error(token)
        elif token.upper() in RESERVED_WORDS:
            raise ValidationException(
                f"Invalid {self.kind}: Attribute name is a reserved keyword; reserved keyword: {token}"
            )
        return token
