"""The CapabilityStatement of tables other than the deployed one, which `tests/unit/discovery` has as it is served."""

from dataclasses import replace

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.http.base_url import BaseUrl
from careconnect_admin.documents import capability_statement


def test_a_type_that_is_only_read_offers_no_write(monkeypatch: pytest.MonkeyPatch) -> None:
    read_only = tuple(replace(each, writable=False) for each in RESOURCE_TYPES)
    monkeypatch.setattr(capability_statement, "SERVED_TYPES", read_only)

    (rest,) = capability_statement.capability_statement(BaseUrl("https://api.example.org"))["rest"]

    assert "write" not in rest["documentation"]
    for resource in rest["resource"]:
        assert [one["code"] for one in resource["interaction"]] == ["read", "vread", "history-instance", "search-type"]
        assert not resource["updateCreate"]
        assert not resource["conditionalCreate"]
        assert not resource["conditionalUpdate"]
        assert resource["conditionalDelete"] == "not-supported"
        assert "referencePolicy" not in resource
