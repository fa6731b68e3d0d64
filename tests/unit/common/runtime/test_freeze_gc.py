"""The garbage collector ignores the objects that a function creates at its start, and collects later ones."""

from careconnect_testing.stacks.cold_start import started

_SAY = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 1_000)"


def test_nothing_is_looked_for_until_the_function_has_started() -> None:
    ended = started(
        "from careconnect.runtime import freeze_gc\nimport gc\nprint(gc.isenabled())\nfreeze_gc.freeze_gc()\n" + _SAY,
        {},
    )

    assert ended.stdout.split() == ["False", "True", "True"], ended.stderr
