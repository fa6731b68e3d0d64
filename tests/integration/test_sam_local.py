"""The tables and keys that `careconnect sam-local` creates in the emulator."""

import json
from pathlib import Path

import pytest

from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.local.sam.data_stack import create_data
from careconnect_admin.local.sam.sam_stack import ENVIRONMENT

pytestmark = pytest.mark.integration

BASE_URL = "http://127.0.0.1:3000"


def test_the_emulator_creates_tables_and_keys_under_the_names_that_the_functions_are_reported(tmp_path: Path) -> None:
    told = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))["Parameters"]

    with Emulator(tmp_path / "emulator.log") as emulator:
        outputs = create_data(emulator, BASE_URL)
        tables = emulator.client("dynamodb").list_tables()["TableNames"]
        aliases = [alias["AliasName"] for alias in emulator.client("kms").list_aliases()["Aliases"]]

    assert sorted(tables) == sorted(told[name] for name in told if name.endswith("_TABLE"))
    assert f"{told['SIGNING_KEY_ALIAS']}-current" in aliases
    assert outputs["RecordTable"] == told["RECORD_TABLE"]
    assert outputs["SigningKeyAlias"] == told["SIGNING_KEY_ALIAS"]
    assert outputs["BaseUrl"] == BASE_URL
