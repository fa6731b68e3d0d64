"""The page parses the CapabilityStatement's text about a search parameter into the syntax that the one table has."""

import json
import subprocess
from typing import Any, Final

from careconnect.fhir.resource_types import SERVED_TYPES, SYNTAX
from careconnect.http.base_url import BaseUrl
from careconnect_testing.page.node_clients import NODE
from careconnect_testing.page.web_sources import WEB
from service_discovery.built_documents import capability_statement

_READ: Final = """
import { readFileSync } from "node:fs";
import { isSortable, syntaxOf } from "./src/fhir/parameter-syntax.ts";
const parameters = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(parameters.map((each) => ({ ...syntaxOf(each), sortable: isSortable(each) }))));
"""


def test_what_a_parameter_takes_is_read_as_it_is_meant() -> None:
    statement: Any = json.loads(capability_statement(BaseUrl("https://api.example")))
    said = [each for resource in statement["rest"][0]["resource"] for each in resource["searchParam"]]
    meant = [each for resource in SERVED_TYPES for each in (*resource.common, *resource.searchable)]

    done = subprocess.run(
        [NODE, "--input-type=module", "--eval", _READ],
        cwd=WEB,
        input=json.dumps(said),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )

    assert [
        (each["paths"], each["modifiers"], each["targets"], each["prefixes"], each["parts"], each["sortable"])
        for each in json.loads(done.stdout)
    ] == [
        (
            ", ".join(each.paths),
            [modifier.value for modifier in SYNTAX[each.type].modifiers],
            list(each.targets),
            list(SYNTAX[each.type].prefixes),
            [part.parameter.name for part in each.parts],
            each.sortable,
        )
        for each in meant
    ]
