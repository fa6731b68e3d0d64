"""What a resource was before a multi-step write (ADR 43)."""

from careconnect.storage.intents import former_record, in_record
from careconnect.storage.keys import INDEX_ITEM


def test_what_a_write_made_was_not_there_before() -> None:
    key = {"pk": {"S": "Patient/4"}, "sk": {"S": INDEX_ITEM}}

    assert in_record({**key, "version": {"N": "1"}}, {**key, "sk": {"S": former_record("write")}}) is None
