"""Structured logs and metrics that contain no secret, token, patient identifier or query string.

Only this module uses Powertools' logger. Functions log through `request`, and a log line holds nothing but its
parameters.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from logging import LogRecord
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import Metrics, MetricUnit


class _Line(LambdaPowertoolsFormatter):
    """Formats a record, whose message is its fields, as level, time and these.

    Each byte of a line is paid for, and its log group names the function. Lambda reads `level` and `timestamp`: without
    a time in RFC 3339's form it would take each line for one of INFO and add a time of its own.
    """

    def format(self, record: LogRecord) -> str:
        """Return the line as JSON."""
        fields: Any = record.msg
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self.serialize({"level": record.levelname, "timestamp": time, **fields})


class PowertoolsObserver:
    """The log and the metrics of one function; each deployed stack has a `namespace` of its own."""

    def __init__(self, service: str, *, namespace: str) -> None:
        self._logger = Logger(service=service, logger_formatter=_Line(), log_uncaught_exceptions=False)
        self._metrics = Metrics(namespace=namespace, service=service)

    def request(
        self,
        action: str,
        status: int,
        *,
        ids: Mapping[str, str],
        client_id: str = "",
        claimed_client_id: str = "",
        reason: str = "",
        milliseconds: int = 0,
    ) -> None:
        """Log one answered request.

        `action` is a route or an interaction (`Patient.read`), never a path. `reason` is one of our own
        fixed texts or a service's error code, never an exception's text. `claimed_client_id` is the id of a registered
        client that the caller claimed to be without proof. It is never any other text, since a caller may send a
        secret in place of an id. Each of `ids` is a field of its own.
        """
        fields = {
            **ids,
            "action": action,
            "status": status,
            "client_id": client_id,
            "claimed_client_id": claimed_client_id,
            "reason": reason,
            "milliseconds": milliseconds,
        }
        log = self._logger.error if status >= 500 else self._logger.info
        log({name: value for name, value in fields.items() if value not in ("", 0) or name == "status"})

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an unexpected error by its stack frames, without its text or its values."""
        places = []
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            places.append(f"{code.co_qualname}:{traceback.tb_lineno}")
            traceback = traceback.tb_next
        named = {"action": action, "error": type(error).__name__, "places": places[-8:]}
        self._logger.error({"message": "failure", **ids, **named})

    def count(self, name: str) -> None:
        """Add one to the metric `name` and write it out at once (CloudWatch embedded metric format)."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
        self._metrics.flush_metrics()
