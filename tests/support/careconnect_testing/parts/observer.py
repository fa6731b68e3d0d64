"""What a function would log and count, kept for tests to look at."""

import traceback
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RecordingObserver:
    """Keeps what would be logged and counted; an unexpected error shows in the test's output besides."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def request(self, action: str, status: int, **fields: Any) -> None:
        """Keep an answered request."""
        self.lines.append({"action": action, "status": status, **fields})

    def failure(self, action: str, error: BaseException, **fields: Any) -> None:
        """Keep and show an unexpected error."""
        traceback.print_exception(error)
        self.failures.append(error)

    def count(self, name: str) -> None:
        """Keep the name of what is counted."""
        self.counts.append(name)

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self.lines, self.counts, self.failures):
            kept.clear()
