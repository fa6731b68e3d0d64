"""The faults that `make mutants` seeds: mutmut's operators, and others that omit or negate a check."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import ndiff
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import file_mutation
from mutmut.mutation.mutators import mutation_operators, operator_string


@dataclass(frozen=True)
class Fault:
    """A change of one module: `change` is its removed (-) and added (+) lines, `text` returns the whole changed module.

    `number` distinguishes changes that look the same.
    """

    path: str
    change: str
    number: int
    text: Callable[[], str] = field(compare=False)

    @property
    def id(self) -> str:
        """Return an id that does not change when other lines do."""
        return f"{self.path} {self.number} {self.change}"


def _negated(node: Any) -> Iterable[cst.CSTNode]:
    if not m.matches(node.test, m.Name("TYPE_CHECKING")):
        test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


_OPERATORS: Final = cast("list[tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]]", mutation_operators)
_OPERATORS[:] = [
    *(pair for pair in _OPERATORS if pair[1] is not operator_string),
    # mutmut changes a text in three ways. One is enough.
    (cst.BaseString, lambda node: islice(operator_string(node), 1)),
    (cst.Raise, lambda _: [cst.Pass()]),
    (cst.Expr, lambda node: [cst.Pass()] if isinstance(node.value, cst.Call) else []),
    (cst.If, _negated),
    (cst.IfExp, _negated),
    (cst.CompIf, _negated),
    (cst.ExceptHandler, lambda node: [node.with_changes(type=cst.Tuple([]))] if node.type else []),
]


def faults_of(project: Path, path: str) -> Iterator[Fault]:
    """Yield the faults of a module, except in code that checks nothing: the arguments of a raised error, `__all__`."""
    source = (project / path).read_text(encoding="utf-8")
    module, mutations, *_ = file_mutation.create_mutations(path, source)
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    exported = m.SimpleStatementLine([m.Assign([m.AssignTarget(m.Name("__all__"))])])
    kept = {id(node) for each in m.findall(module, m.Raise() | exported) for node in _below(each)}
    lines = source.splitlines()
    seen: Counter[str] = Counter()
    for each in mutations:
        old, new = each.original_node, each.mutated_node
        if id(old) in kept or (place := places.get(old)) is None:
            continue
        # Whole lines, because a change within a line cannot be understood alone.
        before, after = lines[place.start.line - 1][: place.start.column], lines[place.end.line - 1][place.end.column :]
        old_lines, new_lines = ((before + module.code_for_node(node) + after).splitlines() for node in (old, new))
        changed = sorted(
            (line for line in ndiff(old_lines, new_lines) if line[0] in "+-"), key=lambda line: line[0] == "+"
        )
        change = "\n".join(" ".join(line.split()) for line in changed)
        seen[change] += 1
        yield Fault(path, change, seen[change], _text(module, old, new))


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for child in node.children:
        yield child
        yield from _below(child)


def _text(module: cst.Module, old: cst.CSTNode, new: cst.CSTNode) -> Callable[[], str]:
    return lambda: cst.ensure_type(file_mutation.deep_replace(module, old, new), cst.Module).code
