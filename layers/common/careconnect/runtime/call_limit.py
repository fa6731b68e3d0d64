"""The time within which a request may call AWS, so that no call outlives its answer.

Lambda freezes an instance once it has answered: a call that is still on its way would end within another request.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

CALL_SECONDS: Final = 22.0
"""The time after which a request sends nothing more: what is sent then ends before 25 seconds (`aws`)."""

CONNECT_SECONDS: Final = 1
ANSWER_SECONDS: Final = 2
"""How long one request to AWS may take to connect, and to be answered."""

SETTLE_SECONDS: Final = int(CALL_SECONDS) + CONNECT_SECONDS + ANSWER_SECONDS
"""The time after which no write commits that was stamped before: a request sends nothing later, a commit ends earlier.

A writer begins no commit 20 seconds after its request was received, which leaves two seconds between the clocks.
"""


class CallLimit:
    """The end of the current request's calls; an instance answers one request at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = math.inf

    @property
    def is_over(self) -> bool:
        """Whether the request may send nothing more."""
        return self._clock() > self._end

    @contextmanager
    def of_request(self, waited: float) -> Iterator[None]:
        """Limit the calls of a request that has waited so many seconds before it arrived."""
        self._end = self._clock() + CALL_SECONDS - waited
        try:
            yield
        finally:
            self._end = math.inf


CALL_LIMIT: Final = CallLimit()
"""That of the function's clients and of its pipeline."""
