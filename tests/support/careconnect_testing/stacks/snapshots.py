"""The part of Lambda's runtime hooks package that the functions use, and its two moments."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

_NAME = "snapshot_restore_py"


@dataclass
class Snapshots:
    """The registered hooks: `before` is called in reverse order, `after` in the order of registration."""

    before: list[Callable[[], Any]] = field(default_factory=list)
    after: list[Callable[[], Any]] = field(default_factory=list)

    def take(self) -> None:
        """Call the hooks as Lambda does before it takes a snapshot."""
        for hook in reversed(self.before):
            hook()

    def restore(self) -> None:
        """Call the hooks as Lambda does in an instance that it starts from the snapshot."""
        for hook in self.after:
            hook()


@contextmanager
def lambdas_hooks() -> Iterator[Snapshots]:
    """Make the package importable, as in Lambda."""
    snapshots = Snapshots()

    def register(hooks: list[Callable[[], Any]]) -> Callable[..., Any]:
        def registered(function: Callable[..., Any], *args: Any, **options: Any) -> Callable[..., Any]:
            hooks.append(lambda: function(*args, **options))
            return function

        return registered

    module: Any = ModuleType(_NAME)
    module.register_before_snapshot = register(snapshots.before)
    module.register_after_restore = register(snapshots.after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, _NAME, module)
        yield snapshots
