"""What a function makes at its start is never looked through for garbage, and what it makes later is."""

import pytest

from careconnect_testing.cold_start import ENVIRONMENT, PACKAGES, cold_start, started

_SAY = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 1_000)"


def test_nothing_is_looked_for_until_the_function_has_started() -> None:
    ended = started("from careconnect import start\nimport gc\nprint(gc.isenabled())\nstart.started()\n" + _SAY, {})

    assert ended.stdout.split() == ["False", "True", "True"], ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_a_handler_begins_so_and_has_started_when_it_is_imported(package: str) -> None:
    watch = (
        "import gc, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith(('careconnect.', 'botocore')) and name != 'careconnect.start':\n"
        "            assert not gc.isenabled(), name\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    ended = cold_start(package, ENVIRONMENT, _SAY, before=watch)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["True", "True"]
