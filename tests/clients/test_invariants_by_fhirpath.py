"""Our rows judge as HL7's own expressions do, which fhirpath.js evaluates with its model of STU3."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_records.items.references import contained_in, misplaced, references_of
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.stu3.invariants import INVARIANTS
from careconnect_records.stu3.validation import faults_of
from careconnect_testing.page.node_clients import Node
from careconnect_testing.records.generated import is_long_run
from careconnect_testing.records.generated_resources import generated_resources

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.generated]

Resource = dict[str, Any]

NOT_BY_EXPRESSION: Final = {
    "mps-1": "resolves a reference: the row takes the type that is in it",
    "txt-1": "htmlchecks(), which no engine has",
    "txt-2": "htmlchecks(), which no engine has",
}
UNIT: Final = "select(iif(code.hasValue(), system & '|' & code, '||' & unit))"
MEANT: Final = {
    # Where there is nothing to compare, nothing is broken.
    "per-1": "start.empty() or end.empty() or (start <= end).empty() or (start <= end)",
    # fhirpath.js compares quantities of UCUM alone, and converts them. We compare those of one unit, whatever it is.
    "rng-2": (
        f"(low.value.hasValue() and high.value.hasValue() and low.{UNIT} = high.{UNIT}).not()"
        " or low.value <= high.value"
    ),
    # `#` is the resource that contains the one that refers, and a Reference may have no reference.
    "ref-1": "reference.hasValue().not() or reference = '#' or {}",
    # The union of two booleans is no boolean: an `or` is meant.
    "ele-1": "hasValue() or (children().count() > id.count())",
    # `in` takes one value, and `when` may have several: none may be one of these.
    "tim-9": "offset.empty() or (when.exists() and when.where($this in ('C' | 'CM' | 'CD' | 'CV')).empty())",
}
"""The expressions that are judged in place of HL7's, which stand in it as {}: all differences, with the reason."""


def checks() -> dict[str, Any]:
    return {
        each.key: {"expression": MEANT.get(each.key, "{}").replace("{}", f"({each.expression})"), "places": each.places}
        for each in INVARIANTS
        if each.key not in NOT_BY_EXPRESSION
    }


def broken_by(resource: Resource) -> Counter[str]:
    """Return how often a resource breaks each invariant, by our rows."""
    faults, broken = faults_of(resource)
    assert faults == []
    keys = Counter(fault.text.partition(":")[0] for fault in broken)
    contained = contained_in(resource)
    predicates = (misplaced(each, contained, "") for each in references_of(resource))
    keys["ref-1"] += sum(predicate.startswith("ref-1: ") for predicate in predicates)
    return Counter({key: count for key, count in keys.items() if count and key not in NOT_BY_EXPRESSION})


def test_our_rows_judge_as_hl7s_expressions(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    resources = list(generated_resources(5_000 if is_long_run() else 300, seed=36))
    invariants, source = tmp_path / "invariants.json", tmp_path / "resources.ndjson"
    invariants.write_text(json.dumps({"checks": checks(), "types": [each.name for each in RESOURCE_TYPES]}))
    source.write_text("".join(f"{json_text(each)}\n" for each in resources))

    lines = node("invariants.js", str(invariants), str(source)).splitlines()

    judged = [(each, broken_by(each), Counter(json.loads(line))) for each, line in zip(resources, lines, strict=True)]
    assert [(json_text(each), ours, theirs) for each, ours, theirs in judged if ours != theirs][:3] == []
    if is_long_run():
        assert {key for _, ours, _ in judged for key in ours} == checks().keys()
