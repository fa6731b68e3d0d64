"""The caller: it is built from a complete, positively granted context alone (`access.md`, Rule 4)."""

from typing import Any

import pytest

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES, ResourceType, resource_type
from careconnect.oauth.caller import caller_of
from careconnect.oauth.scopes import Letter

NOW = 1_750_000_000.0
GRANTED = {"client_id": "client-1", "scope": "user/Patient.read profile", "expires_at": str(int(NOW) + 600)}


def type_(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


def test_a_granted_context_makes_the_caller() -> None:
    caller = caller_of({**GRANTED, "principalId": "client-1", "integrationLatency": 12}, NOW)

    assert (caller.client_id, caller.scope, caller.patient) == ("client-1", "user/Patient.read profile", "")
    assert caller.may(type_("Patient"), Letter.READ)
    assert not caller.may(type_("Condition"), Letter.READ)


def test_rfc9449_7_1_a_bound_token_has_its_key_and_perhaps_a_need_of_nonces() -> None:
    bound = {**GRANTED, "jkt": "a-thumbprint"}
    callers = [caller_of(each, NOW) for each in (GRANTED, bound, {**bound, "dpop_nonce": "true"})]

    assert [(each.jkt, each.dpop_nonce) for each in callers] == [
        *(("", False), ("a-thumbprint", False), ("a-thumbprint", True))
    ]


def test_a_caller_has_the_id_and_the_second_of_its_token_by_which_it_is_revoked() -> None:
    caller = caller_of({**GRANTED, "jti": "token-7", "issued_at": "1749999990"}, NOW)
    assert (caller.jti, caller.issued_at) == ("token-7", 1_749_999_990)

    # Any cutoff covers a token of which the context does not tell the time.
    assert caller_of(GRANTED, NOW).issued_at == 0


@pytest.mark.parametrize(("letters", "may"), [("rs", True), ("r", False), ("s", False), ("cud", False)])
def test_a_type_that_is_not_named_is_found_by_who_may_read_and_search_it(letters: str, may: bool) -> None:
    assert caller_of({**GRANTED, "scope": f"user/Patient.{letters}"}, NOW).may_find(type_("Patient")) is may


def test_a_bound_caller_has_the_identifier_systems_of_its_token() -> None:
    assert caller_of(GRANTED, NOW).identifier_systems == frozenset()
    caller = caller_of({**GRANTED, "patient": "4", "identifier_systems": "urn:x https://a.example/b"}, NOW)
    assert caller.identifier_systems == {"urn:x", "https://a.example/b"}


def test_the_audit_trail_takes_a_scope_that_names_it_and_at_the_patients_level_a_bound_caller() -> None:
    def may(scope: str, patient: str = "") -> bool:
        caller = caller_of({**GRANTED, "scope": scope, "patient": patient}, NOW)
        return caller.may(AUDIT_EVENT, Letter.READ)

    assert may("system/AuditEvent.read")
    assert may("user/AuditEvent.r", "4")
    assert may("patient/AuditEvent.read", "4")
    assert not may("patient/AuditEvent.read")
    assert not may("system/*.cruds profile", "4")


@pytest.mark.parametrize(("patient", "level"), [("", "user"), ("4", "patient")])
def test_who_may_not_read_the_audit_trail_is_reported_a_scope_that_would_open_it(patient: str, level: str) -> None:
    caller = caller_of({**GRANTED, "scope": "patient/Patient.read", "patient": patient}, NOW)

    with pytest.raises(OutcomeError) as caught:
        caller.require(AUDIT_EVENT, Letter.SEARCH)

    assert f'scope="{level}/AuditEvent.s"' in caught.value.headers["WWW-Authenticate"]


@pytest.mark.parametrize("missing", ["client_id", "scope", "expires_at"])
@pytest.mark.parametrize("value", ["", None])
def test_rule_4_a_context_that_is_not_whole_is_no_login(missing: str, value: Any) -> None:
    context: dict[str, Any] = {**GRANTED, missing: value}
    if value is None:
        del context[missing]

    with pytest.raises(OutcomeError) as caught:
        caller_of(context, NOW)

    assert (caught.value.status, caught.value.code) == (401, "login")
    assert caught.value.headers == {"WWW-Authenticate": 'Bearer realm="careconnect"'}


@pytest.mark.parametrize("context", [{}, {"principalId": "someone"}, {"claims": {"sub": "client-1"}}])
def test_rule_4_an_event_without_the_authorizers_context_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(OutcomeError) as caught:
        caller_of(context, NOW)

    assert caught.value.status == 401


@pytest.mark.parametrize("expires_at", ["soon", "1e12", "-1", "99999999999.5", " ", "0x7fffffff", "None"])
def test_rule_4_an_expiry_that_is_no_number_is_no_login(expires_at: str) -> None:
    with pytest.raises(OutcomeError) as caught:
        caller_of({**GRANTED, "expires_at": expires_at}, NOW)

    assert caught.value.status == 401


@pytest.mark.parametrize("left", [0, -1, -3600])
def test_rule_4_a_token_that_has_expired_since_the_policy_was_cached_is_refused(left: int) -> None:
    with pytest.raises(OutcomeError) as caught:
        caller_of({**GRANTED, "expires_at": str(int(NOW) + left)}, NOW)

    assert (caught.value.status, caught.value.code) == (401, "expired")
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]


def test_a_letter_that_scopes_with_suffixes_grant_alone_is_limited() -> None:
    scope = "system/Goal.r system/Goal.rs?status=x system/Observation.cr?category=a system/Observation.r?category=b"
    caller = caller_of({**GRANTED, "scope": scope}, NOW)

    def limits(name: str, letter: Letter) -> list[str]:
        return [each.text.partition("?")[2] for each in caller.limits(type_(name), letter)]

    assert (limits("Goal", Letter.READ), limits("Goal", Letter.SEARCH)) == ([], ["status=x"])
    assert limits("Observation", Letter.READ) == ["category=a", "category=b"]
    assert limits("Observation", Letter.SEARCH) == limits("Patient", Letter.READ) == []
    assert caller.may_find(type_("Goal"))


@pytest.mark.parametrize(
    ("letters", "needed"),
    [("r", ""), ("s", "system/Goal.s"), ("rs", "system/Goal.s"), ("us", "system/Goal.u"), ("c", "system/Goal.c")],
)
def test_what_takes_a_letter_without_a_suffix_is_refused_by_the_first_that_is_not_held_so(
    letters: str, needed: str
) -> None:
    caller = caller_of({**GRANTED, "scope": "system/Goal.r system/Goal.rus?status=x"}, NOW)
    if not needed:
        caller.require_unlimited(type_("Goal"), *map(Letter, letters))
        return

    with pytest.raises(OutcomeError) as caught:
        caller.require_unlimited(type_("Goal"), *map(Letter, letters))

    assert (caught.value.status, f'scope="{needed}"' in caught.value.headers["WWW-Authenticate"]) == (403, True)


def test_the_reason_of_an_expiry_is_for_the_log_and_the_header_for_the_caller() -> None:
    with pytest.raises(OutcomeError) as caught:
        caller_of({**GRANTED, "expires_at": str(int(NOW) - 1)}, NOW)

    assert caught.value.headers == {"WWW-Authenticate": 'Bearer realm="careconnect", error="invalid_token"'}
    assert caught.value.reason == "expired since the policy was cached"
    assert "policy" not in caught.value.text


def test_s4_an_unbound_caller_sees_every_compartment() -> None:
    caller = caller_of(GRANTED, NOW)

    assert all(caller.sees(each, "x", ("5",)) for each in (*RESOURCE_TYPES, AUDIT_EVENT))


def test_s4_a_bound_caller_sees_its_patients_compartment_and_what_belongs_to_no_patient() -> None:
    caller = caller_of({**GRANTED, "patient": "4"}, NOW)

    assert caller.sees(type_("Patient"), "4", ())
    assert not caller.sees(type_("Patient"), "5", ())
    # A Patient is in its own compartment, whichever other patients it links to.
    assert not caller.sees(type_("Patient"), "5", ("4",))
    for each in (*RESOURCE_TYPES, AUDIT_EVENT):
        if each.name == "Patient":
            continue
        shared = each.parameter("patient") is None
        assert caller.sees(each, "x", ("4",))
        assert caller.sees(each, "x", ("5", "4"))
        assert caller.sees(each, "x", ("5",)) is shared
        assert caller.sees(each, "x", ()) is shared
