"""A pytest plugin that imports one module from another file: `-p careconnect_testing.running.mutated_import`.

`MUTATED` in the environment is the path of the module's file, `MUTATED_TEXT` the path of the text to import in its
place. The file itself is not changed, so that a killed run leaves nothing behind.
"""

import contextlib
import os
import resource
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

_CPU_SECONDS: Final = 120
_BYTES: Final = 6 << 30


class _MutatedLoader(SourceFileLoader):
    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)


class _MutatedFinder:
    """Finds modules as Python does, and replaces the text of one of them."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None or os.path.realpath(spec.origin) != self._path:
            return None
        spec.loader = _MutatedLoader(name, spec.origin, self._text)
        return spec


def _install(path: str, text: Path) -> None:
    finder = _MutatedFinder(os.path.realpath(path), text.read_text(encoding="utf-8"))
    sys.meta_path.insert(0, finder)
    # A fault may loop for ever, or fill the memory.
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))


if "MUTATED" in os.environ:
    _install(os.environ["MUTATED"], Path(os.environ["MUTATED_TEXT"]))
