"""A run told in order: each call of AWS, by whom, what it met, and each answer."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from careconnect_testing.simulation.actors.plan import Plan
from careconnect_testing.simulation.run import Outcome, run_schedule
from careconnect_testing.simulation.world.faults import Call, Fault
from careconnect_testing.simulation.world.names import START

_LONGEST = 160


def first_broken(seeds: Iterable[int], plan_of: Callable[[int], Plan]) -> str:
    """Return the story of the first schedule of a plan that breaks a promise, empty if none does."""
    outcomes = ((seed, run_schedule(seed, plan=plan_of(seed))) for seed in seeds)
    return next((f"seed {seed}: {story_of(outcome)}" for seed, outcome in outcomes if outcome.broken), "")


def story_of(outcome: Outcome) -> str:
    """Return the story of a run, which is repeated to be told."""
    told = run_schedule(outcome.seed, plan=outcome.plan, given=outcome.choices, is_told=True)
    return "\n".join(_lines(told))


def _lines(told: Outcome) -> Iterator[str]:
    yield f"seed {told.seed}: {told.broken or 'all promises hold'}"
    for line in told.plan:
        yield f"  {line.role}-{line.number}: {'; '.join(map(str, line.steps))}"
    marks = [(each.began_at, 0, f"{each.client} asks: {_asked(each.sent)}") for each in told.ledger.exchanges]
    marks += [
        (each.ended_at, 2, f"{each.client} is answered {each.status or 'nothing'}: {each.step}")
        for each in told.ledger.exchanges
        if each.ended is not None
    ]
    calls = [(call.at, 1, _call(call)) for call in told.calls]
    for at, _, text in sorted([*marks, *calls], key=lambda mark: mark[0]):
        yield f"{at - START:8.3f}  {text}"


def _asked(sent: Any) -> str:
    query = "&".join(f"{name}={value}" for name, value in sent.query)
    headers = " ".join(f"{name}: {value}" for name, value in sent.headers.items() if name.startswith("If-"))
    return f"{sent.method} {sent.path}{'?' + query if query else ''} {headers}"


def _call(call: Call) -> str:
    what = f"{call.operation} {_short(call.operation, call.request)}"
    met = "" if call.fault is Fault.NONE else f"  [{call.fault}]"
    error = f" -> {type(call.answer).__name__}: {call.answer}"[:_LONGEST] if isinstance(call.answer, Exception) else ""
    return f"    {call.task} in {call.home}: {what}{met}{error}"


def _short(operation: str, request: Mapping[str, Any]) -> str:
    if operation == "transact_write_items":
        actions = [f"{kind} {_key(each)}" for action in request["TransactItems"] for kind, each in action.items()]
        return f"{len(actions)}: {', '.join(actions)}"[:_LONGEST]
    if operation == "batch_get_item":
        keys = [_key({"Key": key}) for each in request["RequestItems"].values() for key in each["Keys"]]
        return ", ".join(keys)[:_LONGEST]
    if operation == "query":
        values = [next(iter(value.values())) for value in request["ExpressionAttributeValues"].values()]
        return " ".join(map(str, values))[:_LONGEST]
    if operation == "batch_execute_statement":
        return f"{len(request['Statements'])} events"
    return _key(request)[:_LONGEST]


def _key(action: Mapping[str, Any]) -> str:
    key = action.get("Key") or action.get("Item") or {}
    if not isinstance(key, Mapping):
        return str(key)
    texts = [next(iter(key[name].values())) for name in ("pk", "sk", "client_id") if name in key]
    return json.dumps(texts, ensure_ascii=False) if texts else ""
