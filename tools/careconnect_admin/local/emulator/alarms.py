"""Let the emulator take alarms of metric math, which it refuses to deploy."""

from typing import Any


def take_metric_math() -> None:
    """Make such an alarm one of its first metric, of which the emulator has no values. Call it before it serves."""
    from ministack.services.cloudformation import provisioners

    record = provisioners._cw_metric_alarm_record

    def recorded(name: str, properties: dict[str, Any]) -> Any:
        given = dict(properties)
        stats = [each["MetricStat"] for each in given.pop("Metrics", ()) if "MetricStat" in each]
        if stats:
            given |= {**stats[0]["Metric"], "Period": stats[0]["Period"], "Statistic": stats[0]["Stat"]}
        return record(name, given)

    provisioners._cw_metric_alarm_record = recorded
