"""Compute the tables of `docs/capacity.md` and `docs/savings.md`.

They follow from the figures of `docs/figures`, the prices and the quotas.

    python -m benchmarks.costs.capacity [--write]

Prints them, or puts them into the pages, each between two comments that name it.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.costs import bill, levers, load, prices
from benchmarks.costs.report_cost import report_cost
from benchmarks.costs.request_cost import Cost, cost_of, total_of
from benchmarks.costs.sizes import GIGABYTE, SIZES
from benchmarks.figures import RECORD_BYTES, record_bytes, requests
from benchmarks.measurements.record_bytes import OVERHEAD
from benchmarks.report import table

_FAR: Final = 300
"""The multiple of the base load beyond which nobody plans: the table ends before."""

_DOCUMENTS: Final = RECORD_BYTES.parents[1]


def with_tables(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return the page with its tables; raises ValueError for a table without a place."""
    for name, made in tables.items():
        filled = f"\n{made()}\n\n<!-- end of {name} -->"
        mark = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?<!-- end of {name} -->", re.DOTALL)
        page, found = mark.subn(lambda met, filled=filled: met[1] + filled, page)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"The page has {found} places for the table {name}.")
    return page


def write_pages() -> None:
    """Write the tables into their pages."""
    for page, tables in PAGES.items():
        page.write_text(with_tables(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


def _cost() -> str:
    """Return dollars for a million requests of each kind, and for a month of the base load."""
    kinds = [
        _priced(name, f"{one.reads:g}", f"{one.writes:g}", cost_of(name))
        for name, one in requests().items()
        if name != "authorizer"
    ]
    rates = {**load.BASE, "token": load.tokens()}
    parts = [cost_of(name, load.authorized()).times(rate * load.MONTH / prices.MILLION) for name, rate in rates.items()]
    month = _priced("**the base load for a month**", "", "", total_of(parts))
    dollars = ("gateway, KMS", "Lambda", "DynamoDB", "logs", "data out", "all")
    heads = ("a million of", "read units", "write units", *dollars)
    return table(heads, [*kinds, month])


def _bill() -> str:
    """Return a month's dollars of three sizes, and of two alternatives."""
    return table(("dollars a month", *SIZES), bill.rows())


def _steps() -> str:
    """Return the steps from the former bill to that of a new stack."""
    heads = [f"{size}, {how}" for how in ("alone", "in turn") for size in SIZES]
    return table(("dollars a month", *heads), bill.step_rows())


def _levers() -> str:
    """Return the table of changes that are not made: what each would save, and what it takes away."""
    return table(("dollars a month, alone", *SIZES, "a region, in turn", "takes away"), levers.rows())


def _write() -> str:
    """Return the items of a `POST` of an Observation."""
    return table(("item", "bytes", "write units", "a million without it", "it is for"), levers.write_rows())


def _starts() -> str:
    """Return the starts of the functions that may have a snapshot."""
    return table(("function", "MB", "snapshot", *SIZES), bill.start_rows())


def _priced(name: str, reads: str, writes: str, cost: Cost) -> tuple[str, ...]:
    parts = (cost.gateway + cost.keys, cost.functions, cost.tables, cost.logs, cost.data)
    return (name, reads, writes, *(f"{part:,.2f}" for part in parts), f"**{cost.total:,.2f}**")


def _load() -> str:
    rows = [
        (limit.what, _amount(limit.used), f"{limit.most:,.0f} {limit.unit}", _times(limit.reached_at), limit.remedy)
        for limit in load.limits()
        if limit.reached_at < _FAR
    ]
    return table(("limit", "the base load uses", "there is", "reached at", "raised by"), rows)


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 1000 else f"{amount:,.2f}"


def _times(times: float) -> str:
    return f"{times:.2g} ×" if times < 100 else f"{times:,.0f} ×"


def _volume() -> str:
    """Return bytes, units and dollars of a patient and of a million patients."""
    found = record_bytes()
    each = {name: number / found["patients"] for name, number in found.items()}
    stored = sum(each[part] for part in ("bodies", "index", "entries", "links")) + OVERHEAD * each["items"]
    gigabytes = stored * prices.MILLION / GIGABYTE
    units = each["write_units"] * prices.MILLION
    bytes_of = {
        "bodies": each["bodies"],
        "index records and entries": each["index"] + each["entries"],
        "all, with DynamoDB's own": stored,
    }
    rows = [("resources", f"{each['resources']:,.0f}", f"{each['resources'] * prices.MILLION:,.0f}")]
    rows += [
        (f"bytes: {what}", f"{size:,.0f}", f"{size * prices.MILLION / GIGABYTE:,.1f} GB")
        for what, size in bytes_of.items()
    ]
    rows += [("write units of a load", f"{each['write_units']:,.0f}", f"{units:,.0f}")]
    hours = units / prices.TABLE_WRITES.most / load.HOUR
    rows += [
        ("dollars to load", "", f"{prices.WRITE_UNIT.of(units):,.0f}"),
        (f"hours to load at {prices.TABLE_WRITES.most:,.0f} units a second", "", f"{hours:.1f}"),
        ("dollars a month, storage and point-in-time recovery", "",
         f"{prices.STORAGE.of(gigabytes) + prices.BACKUP.of(gigabytes):,.0f}"),
    ]  # fmt: skip
    return table(("", "a patient", "a million patients"), rows)


def _reports() -> str:
    """Return the table of reports over a month and over a year of old events: objects, bytes and price."""
    rows = []
    for name, size in SIZES.items():
        for months, period in ((1, "a month"), (12, "a year")):
            cost = report_cost(size, months)
            rows.append((name, period, f"{cost.objects:,}", f"{cost.gigabytes:.2f}", *map("{:.2f}".format, cost[2:])))
    return table(["size", "period", "objects", "GB", "Athena, USD", "download, USD"], rows)


PAGES: Final[Mapping[Path, Mapping[str, Callable[[], str]]]] = {
    _DOCUMENTS / "capacity.md": {
        "cost": _cost,
        "bill": _bill,
        "reports": _reports,
        "starts": _starts,
        "load": _load,
        "volume": _volume,
    },
    _DOCUMENTS / "savings.md": {"steps": _steps, "levers": _levers, "write": _write},
}
"""The pages, and the tables of each by name."""


def main() -> None:
    """Print the tables, or put them into the pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs.capacity", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into the pages")
    if parser.parse_args().write:
        write_pages()
    else:
        print("\n\n".join(made() for tables in PAGES.values() for made in tables.values()))


if __name__ == "__main__":
    main()
