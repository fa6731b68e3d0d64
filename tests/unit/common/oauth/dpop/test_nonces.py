"""Nonces: judged by whoever has the key, good for five minutes, and nobody else's."""

import re

from careconnect.oauth.base64url import decode, encode
from careconnect.oauth.dpop.nonces import Nonces
from careconnect_testing.running.cases import each_of

NOW = 1_800_000_000.25
OURS = Nonces(lambda: b"k" * 32)


def test_a_nonce_is_good_for_300_seconds_at_each_function_with_the_key() -> None:
    nonce = OURS.give(NOW)
    another_function = Nonces(lambda: b"k" * 32)

    assert another_function.end_of(nonce, NOW) == NOW + 300
    assert another_function.end_of(nonce, NOW + 299.99) == NOW + 300
    assert another_function.end_of(nonce, NOW + 300) is None


def test_a_function_whose_clock_is_behind_takes_a_nonce_too() -> None:
    assert OURS.end_of(OURS.give(NOW), NOW - 5) == NOW + 300


def test_a_nonce_is_of_nqchar() -> None:
    # RFC 6749, Appendix A.
    assert all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}", OURS.give(NOW + each)) for each in range(100))


@each_of("place", range(22))
def test_no_byte_of_a_nonce_may_change(place: int) -> None:
    changed = bytearray(decode(OURS.give(NOW)))
    changed[place] ^= 1

    assert OURS.end_of(encode(bytes(changed)), NOW) is None


def test_a_nonce_of_another_key_is_none() -> None:
    assert OURS.end_of(Nonces(lambda: b"o" * 32).give(NOW), NOW) is None


@each_of("nonce", [None, 1, True, [], "", "x", "=" * 30, "é" * 30, "\ud800" * 30, "x" * 29 + "\n"])
def test_whatever_else_is_sent_is_none(nonce: object) -> None:
    assert OURS.end_of(nonce, NOW) is None
