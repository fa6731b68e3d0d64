"""An observer that stores a function's logs and metrics for tests."""

import traceback
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RecordingObserver:
    """Stores logs and metrics; an unexpected error is also shown in the test's output."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def request(self, action: str, status: int, **fields: Any) -> None:
        """Store a completed request."""
        self.lines.append({"action": action, "status": status, **fields})

    def failure(self, action: str, error: BaseException, **fields: Any) -> None:
        """Store and show an unexpected error."""
        traceback.print_exception(error)
        self.failures.append(error)

    def count(self, name: str) -> None:
        """Store the name of a metric."""
        self.counts.append(name)

    def clear(self) -> None:
        """Discard everything."""
        for kept in (self.lines, self.counts, self.failures):
            kept.clear()
