"""The tables of `docs/capacity.md`, reckoned from the figures of `docs/figures`, the prices and the quotas.

    python -m benchmarks.capacity [--write | --check]

Prints them; `--write` puts them into the page, each between its marks; `--check` says whether the page has them.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from benchmarks import load, prices
from benchmarks.figures import FOLDER, figures, functions, memory_of, requests
from benchmarks.record_bytes import OVERHEAD
from benchmarks.request_cost import cost_of, milliseconds, time_cost

PAGE: Final = FOLDER.parent / "capacity.md"

_TIMES: Final = (1, 10, 100, 1000)
_LIFETIMES: Final = (60, 600, 3600, 5400)
_PATIENTS: Final = 100_000_000
_GIGABYTE: Final = 1e9
_MONTH: Final = 30 * load.DAY
"""Seconds."""

Row = Iterable[object]


def tables() -> dict[str, str]:
    """Return each table as Markdown, by its name."""
    made: Mapping[str, Callable[[], str]] = {
        "cost": _cost,
        "bill": _bill,
        "units": _units,
        "memory": _memory,
        "memory-cost": _memory_cost,
        "month": _month,
        "cold": _cold,
        "tokens": _tokens,
        "load": _load,
        "volume": _volume,
        "prices": _prices,
        "quotas": _quotas,
    }
    return {name: make() for name, make in made.items()}


def with_tables(page: str) -> str:
    """Return the page with the tables of today between their marks; raises ValueError for a mark without a table."""
    for name, table in tables().items():
        mark = re.compile(rf"(<!-- {name}: .*-->\n).*?(\n<!-- end of {name} -->)", re.DOTALL)
        page, found = mark.subn(lambda met, table=table: f"{met[1]}\n{table}\n{met[2]}", page)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"The page has {found} places for the table {name}.")
    return page


def _table(head: Row, rows: Iterable[Row]) -> str:
    names = [str(name) for name in head]
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cost() -> str:
    head = ("a million of", "gateway", "Lambda, requests", "Lambda, time", "DynamoDB", "KMS", "logs", "X-Ray",
            "data out", "**x86_64**", "**arm64**")  # fmt: skip
    rows = []
    for name in requests():
        if name == "authorizer":
            continue
        cost = cost_of(name)
        parts = (cost.gateway, cost.calls, cost.time, cost.tables, cost.keys, cost.logs, cost.traces, cost.data)
        rows.append((name, *(f"{part:.2f}" for part in parts), f"**{cost.x86:.2f}**", f"**{cost.arm:.2f}**"))
    return _table(head, rows)


def _bill() -> str:
    """Dollars of a month of the base load, by what they are paid for."""
    costs = [(rate * _MONTH / prices.MILLION, cost_of(name, load.authorized())) for name, rate in load.BASE.items()]
    costs.append((load.tokens() * _MONTH / prices.MILLION, cost_of("token")))
    parts = ("gateway", "calls", "time", "tables", "keys", "logs", "traces", "data", "x86")
    head = ("gateway", "Lambda, requests", "Lambda, time", "DynamoDB", "KMS", "logs", "X-Ray", "data out", "**all**")
    sums = [sum(many * getattr(cost, part) for many, cost in costs) for part in parts]
    return _table(head, [[*(f"{each:,.2f}" for each in sums[:-1]), f"**{sums[-1]:,.2f}**"]])


def _units() -> str:
    head = ("request", "calls", "read units", "write units", "waits, ms", "own CPU, ms", "log, bytes", "answer, bytes")
    return _table(
        head,
        (
            (one.name, ", ".join(f"{many} {call}" if many > 1 else call for call, many in one.calls.items()) or "none",
             f"{one.reads:g}", f"{one.writes:g}", f"{one.waits:g}", f"{one.cpu:.1f}", one.logged, f"{one.answered:,}")
            for one in requests().values()
        ),
    )  # fmt: skip


def _sizes() -> list[int]:
    return list(figures("power-tuning")["sizes"])


def _memory() -> str:
    """Milliseconds of a warm call after a pause, and of one right after another."""
    sizes = _sizes()
    return _table(
        ("warm call, ms", *(f"{size:,} MB" for size in sizes), "by formula, 1,769 MB", "peak, MB"),
        (
            (one.name, *(f"{one.warm[size]:.0f} / {one.busy[size]:.0f}" for size in sizes),
             milliseconds(one, sizes[-1]), f"{one.peak:.0f}")
            for one in requests().values()
        ),
    )  # fmt: skip


def _memory_cost() -> str:
    """Dollars of a million warm calls by size, and which size is best for what."""
    sizes = _sizes()
    rows = []
    for one in requests().values():
        slower = {size: max(one.warm[size], one.busy[size]) for size in sizes}
        dollars = {size: time_cost(slower[size], size) for size in sizes}
        rows.append(
            (one.name, *(f"{dollars[size]:.2f}" for size in sizes), f"{min(sizes, key=dollars.__getitem__):,}",
             f"{min(sizes, key=lambda size: dollars[size] * slower[size]):,}", f"{memory_of(one.function):,}")
        )  # fmt: skip
    head = ("a million warm calls, dollars", *(f"{size:,} MB" for size in sizes), "cheapest", "best cost × time", "set")
    return _table(head, rows)


def _month() -> str:
    """Dollars a month by size, were it that of all functions: the base load's time, and SnapStart's snapshots."""
    sizes = _sizes()
    time = {
        size: sum(
            rate * _MONTH / prices.MILLION * time_cost(max(of.warm[size], of.busy[size]), size)
            for name, rate in load.invocations().items()
            for of in [requests()[name]]
        )
        for size in sizes
    }
    kept = {size: functions() * prices.SNAPSHOT.of(_MONTH * size / 1024) for size in sizes}
    rows = [
        ("time of the base load", *(f"{time[size]:.2f}" for size in sizes)),
        (f"kept snapshots of {functions()} functions", *(f"{kept[size]:.2f}" for size in sizes)),
        ("both", *(f"**{time[size] + kept[size]:.2f}**" for size in sizes)),
    ]
    return _table(("dollars a month, if all had", *(f"{size:,} MB" for size in sizes)), rows)


def _cold() -> str:
    """Milliseconds of a start and its first call, of the first request measured of each function."""
    sizes = _sizes()
    firsts = {one.function: one for one in reversed(requests().values())}
    return _table(
        ("start and first call, ms", *(f"{size:,} MB" for size in sizes)),
        ((name, *(f"{one.cold[size]:,.0f}" for size in sizes)) for name, one in reversed(firsts.items())),
    )


def _tokens() -> str:
    """Clients that the quota of signatures can serve, by how long a token lives."""
    most = prices.RSA_OPERATIONS.most
    return _table(
        ("`TokenLifetimeSeconds`", "tokens an hour", "clients, each with one token at a time", "at half the quota"),
        (
            (f"{seconds:,}", f"{most * load.HOUR:,.0f}", f"{most * seconds:,.0f}", f"{most * seconds / 2:,.0f}")
            for seconds in _LIFETIMES
        ),
    )


def _load() -> str:
    head = ("limit", "the base load uses", "there is", "reached at", *(f"{times:,} ×" for times in _TIMES), "then")
    return _table(
        head,
        (
            (limit.what, _amount(limit.used), f"{limit.most:,.0f} {limit.unit}", f"**{_times(limit.reached_at)} ×**",
             *(_percent(limit.share(times)) for times in _TIMES), limit.remedy)
            for limit in load.limits()
        ),
    )  # fmt: skip


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 1000 else f"{amount:,.2f}"


def _times(times: float) -> str:
    return f"{times:.2g}" if times < 100 else f"{times:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:,.0f} %" if share < 1 else f"**{100 * share:,.0f} %**"


def _volume() -> str:
    found = figures("record-bytes")
    records, patients = found["records"], found["patients"]
    stored = sum(records[part] for part in ("bodies", "index", "entries", "links")) + OVERHEAD * records["items"]
    each, units = stored / patients, records["write_units"] / patients
    gigabytes = each * _PATIENTS / _GIGABYTE
    rows: list[Row] = [
        ("resources of a patient", f"{records['resources'] / patients:.1f}", ""),
        ("items of a patient", f"{records['items'] / patients:.0f}", ""),
        *(
            (f"bytes of a patient: {what}", f"{size / patients:,.0f}", f"{size * _PATIENTS / patients / 1e12:,.1f} TB")
            for what, size in (
                ("bodies", records["bodies"]),
                ("index records", records["index"]),
                ("index entries", records["entries"]),
                ("guards and marks", records["links"]),
                (f"DynamoDB's {OVERHEAD} for each item", OVERHEAD * records["items"]),
            )
        ),
        ("**all bytes of a patient**", f"**{each:,.0f}**", f"**{gigabytes / 1000:,.1f} TB**"),
        ("storage, dollars a month", "", f"{prices.STORAGE.of(gigabytes):,.0f}"),
        ("point-in-time recovery, dollars a month", "", f"{prices.BACKUP.of(gigabytes):,.0f}"),
        ("write units to load", f"{units:,.0f}", f"{units * _PATIENTS / 1e9:,.1f} billion"),
        ("dollars to load", "", f"{prices.WRITE_UNIT.of(units * _PATIENTS):,.0f}"),
        (
            f"hours to load at {prices.TABLE_WRITES.most:,.0f} units a second", "",
            f"{units * _PATIENTS / prices.TABLE_WRITES.most / load.HOUR:,.0f}",
        ),
        (
            "a second Region: storage and recovery, dollars a month", "",
            f"{prices.STORAGE.of(gigabytes) + prices.BACKUP.of(gigabytes):,.0f} more",
        ),
        ("a second Region: dollars to load", "", f"{prices.REPLICATED_UNIT.of(units * _PATIENTS / 2):,.0f} more"),
    ]  # fmt: skip
    return _table(("", "a patient", f"{_PATIENTS:,} patients"), rows)


def _prices() -> str:
    return _table(
        ("price", "dollars", "for", "known from", "source"),
        ((one.what, f"{one.dollars:.10g}", one.unit, one.standing, one.source) for one in prices.PRICES),
    )


def _quotas() -> str:
    return _table(
        ("quota", "", "", "known from", "source"),
        ((one.what, f"{one.most:,.0f}", one.unit, one.standing, one.source) for one in prices.QUOTAS),
    )


def main() -> None:
    """Print the tables, put them into the page, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--write", action="store_true", help="put the tables into the page")
    given.add_argument("--check", action="store_true", help="exit with 1 if the page has others")
    chosen = parser.parse_args()
    if not (chosen.write or chosen.check):
        print("\n\n".join(f"{name}\n\n{table}" for name, table in tables().items()))
        return
    page = PAGE.read_text(encoding="utf-8")
    if chosen.write:
        PAGE.write_text(with_tables(page), encoding="utf-8")
    elif page != with_tables(page):
        sys.exit("docs/capacity.md has other tables: python -m benchmarks.capacity --write")


if __name__ == "__main__":
    main()
