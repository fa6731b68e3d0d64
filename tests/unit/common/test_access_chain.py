"""The forms of the chain: what a digest covers, what a link and a head are, and what is none."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.access_record.chain import (
    START,
    ChainError,
    Entry,
    Fault,
    Finding,
    Head,
    Link,
    SealedHead,
    Tip,
    days_from,
    end_of,
    entry_of,
    is_in_place,
    link_of,
    start_of,
)
from careconnect.access_record.chain_store import KmsSeal
from careconnect.audit.event import event_key
from careconnect_testing.sealed_record import DAY, SEAL_ALIAS, SealedRecord, record_on_moto

ID = f"{start_of(DAY):012x}-{'a' * 32}"
ITEM: dict[str, Any] = {**event_key(ID), "at": {"N": "1"}, "client": {"S": "client-1"}}
LINK = Link(DAY, 2, START, 5, (Entry(ID, "digest", 0),))


@pytest.fixture
def record() -> Iterator[SealedRecord]:
    with record_on_moto() as made:
        yield made


# --- digests


@pytest.mark.parametrize(
    "change",
    [
        {"client": {"S": "client-2"}},
        {"pk": {"S": "2026-03-26#b"}},
        {"at": {"S": "1"}},
        {"at": {"N": "2"}},
        {"expires_at": {"N": "1"}},
        {"more": {"BOOL": True}},
        {"more": {"B": b"\xff"}},
        {"more": {"L": [{"S": "x"}]}},
        {"more": {"M": {"S": {"S": "x"}}}},
    ],
)
def test_a_digest_covers_all_that_an_item_holds(change: dict[str, Any]) -> None:
    assert entry_of({**ITEM, **change}).digest != entry_of(ITEM).digest


def test_a_digest_depends_on_no_order() -> None:
    sets = {"texts": {"SS": ["a", "b"]}, "bytes": {"BS": [b"a", b"b"]}}
    turned = {"texts": {"SS": ["b", "a"]}, "bytes": {"BS": [b"b", b"a"]}}

    assert entry_of({**ITEM, **sets}) == entry_of({**dict(reversed(ITEM.items())), **turned})
    assert entry_of({**ITEM, "list": {"L": [{"S": "a"}, {"S": "b"}]}}) != entry_of(
        {**ITEM, "list": {"L": [{"S": "b"}, {"S": "a"}]}}
    )


def test_an_entry_says_until_when_its_item_is_kept() -> None:
    assert entry_of({**ITEM, "expires_at": {"N": "17"}}).expires_at == 17
    assert entry_of({**ITEM, "expires_at": {"S": "17"}}).expires_at == 0
    assert entry_of({**ITEM, "expires_at": {"N": "1.5"}}).expires_at == 0


@pytest.mark.parametrize(
    "key",
    [
        {"sk": {"S": ID + "~~"}},
        {"sk": {"S": "zz" + ID[2:]}},
        {"sk": {"S": ID[:-1]}},
        {"pk": {"S": "2026-03-27#a"}},
        {"pk": {"S": "2026-03-26#b"}},
        {"sk": {"S": "f" * 12 + ID[12:]}},
    ],
)
def test_an_event_is_where_its_id_says(key: dict[str, Any]) -> None:
    assert is_in_place(ITEM)
    assert is_in_place({**ITEM, "sk": {"S": ID + "~"}})
    assert not is_in_place({**ITEM, **key})


# --- links


def test_a_link_comes_back_as_it_was() -> None:
    assert link_of(LINK.item()) == LINK


@pytest.mark.parametrize(
    "said",
    [
        [DAY, 2, START, 5],
        [DAY, 2, START, 5, []],
        [DAY, 2, START, 5, [["x", "y"]]],
        [DAY, 2, START, 5, [["x", "y", "0"]]],
        [DAY, 2, 0, 5, [["x", "y", 0]]],
        [DAY, "2", START, 5, [["x", "y", 0]]],
        [DAY, 2, START, 5, {"x": 1}],
        [DAY, 1, START, 5, [["x", "y", 0]]],
        ["2026-03-27", 2, START, 5, [["x", "y", 0]]],
        {"day": DAY},
        None,
    ],
)
def test_what_is_no_link_is_refused(said: Any) -> None:
    with pytest.raises(ChainError):
        link_of({**LINK.item(), "link": {"B": zlib.compress(json.dumps(said).encode())}})


@pytest.mark.parametrize("value", [{"B": b"x"}, {"S": "x"}, {"B": zlib.compress(b"\xff")}, {}])
def test_bytes_that_are_no_link_are_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ChainError):
        link_of({**LINK.item(), "link": value})


def test_links_that_cannot_be_read_are_told_by_their_numbers(record: SealedRecord) -> None:
    record.put_seal(LINK.item())
    record.put_seal({**LINK.item(), "sk": {"S": "000003"}})
    record.put_seal({**LINK.item(), "sk": {"S": "more"}})

    assert list(record.chain.links(DAY)) == [(2, LINK), (3, None), (0, None)]
    assert list(record.chain.links(DAY, 2)) == [(3, None), (0, None)]


# --- heads

HEAD = Head(
    day=DAY,
    links=2,
    events=7,
    digest=LINK.digest,
    until=3,
    sealed_at=4,
    before=Tip("2026-03-25", 1, START),
    broken=Finding(ID, Fault.CHANGED, "x"),
)


@pytest.mark.parametrize("head", [HEAD, Head(day=DAY)])
def test_a_head_and_its_witness_come_back_as_they_were(record: SealedRecord, head: Head) -> None:
    sealed = record.key.close(head)

    assert record.key.opened(SealedHead.of_item(sealed.item())) == head
    witness = sealed.witness(end_of(DAY) + 5, 0)
    assert SealedHead.of_witness(witness) == sealed
    assert witness["pk"]["S"].startswith(DAY)
    assert "expires_at" not in witness


def test_another_keys_head_is_not_opened(record: SealedRecord) -> None:
    sealed = record.key.close(HEAD)
    key = record.kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]

    assert KmsSeal(record.kms, key).opened(sealed) is None
    assert record.key.opened(sealed._replace(mac=b"short")) is None
    assert record.key.opened(sealed._replace(text="")) is None
    assert record.key.opened(sealed._replace(text=sealed.text + " ")) is None
    assert record.key.opened(None) is None


def test_a_text_that_is_no_head_of_its_day_is_not_opened_though_it_is_sealed(record: SealedRecord) -> None:
    for text in ("[]", "{}", "x", HEAD.text().replace('"links"', '"x"')):
        mac = record.kms.generate_mac(KeyId=SEAL_ALIAS, MacAlgorithm="HMAC_SHA_256", Message=text.encode())["Mac"]
        assert record.key.opened(SealedHead(DAY, text, mac)) is None
    assert record.key.opened(record.key.close(HEAD)._replace(day="2026-03-27")) is None


def test_what_kms_refuses_is_no_verdict(record: SealedRecord) -> None:
    sealed = record.key.close(HEAD)

    with pytest.raises(ClientError):
        KmsSeal(record.kms, "alias/none").opened(sealed)


@pytest.mark.parametrize("said", ["x", "{}", "[]", '{"head": "x", "mac": ""}', '{"head": "{}", "mac": ""}', "null"])
def test_what_is_no_witness_is_refused(said: str) -> None:
    with pytest.raises(ChainError):
        SealedHead.of_witness({**ITEM, "seal": {"S": said}})


def test_days_are_counted_over_the_end_of_a_month() -> None:
    assert days_from("2026-11-29", "2026-12-01") == ["2026-11-29", "2026-11-30", "2026-12-01"]
    assert days_from(DAY, DAY) == [DAY]
    assert start_of("1970-01-02") == end_of("1970-01-01") == 86_400_000


# --- the tables


def test_a_shard_is_read_page_by_page(record: SealedRecord) -> None:
    ids = [f"{start_of(DAY) + number:012x}-{shard}{'0' * 31}" for number in range(4) for shard in "0f"]
    for each in ids:
        record.put({**event_key(each), "query": {"S": "x" * 390_000}})

    assert [item["sk"]["S"] for item in record.chain.items(DAY)] == ids


def test_a_refusal_that_is_no_race_is_raised(record: SealedRecord) -> None:
    sealed = record.key.close(HEAD)
    record.dynamodb.delete_table(TableName="seals")

    with pytest.raises(ClientError):
        record.chain.append(None, sealed, [LINK], 0)
