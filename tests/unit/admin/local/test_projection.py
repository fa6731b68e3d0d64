"""The emulator's Athena takes partitions from the objects' folders, as the table's template says."""

from pathlib import Path
from typing import Any

import pytest
from ministack.services import athena

from careconnect_admin.local.emulator.projection import project_partitions

TABLE = {"Parameters": {"storage.location.template": "s3://archive/${hour}/"}, "PartitionKeys": [{"Name": "hour"}]}


@pytest.fixture
def relations(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The files of each relation that the emulator makes."""
    made: list[list[str]] = []
    monkeypatch.setattr(athena, "_table_relation", lambda _table, files: made.append(files))
    project_partitions()
    return made


def test_an_objects_folder_becomes_its_partition(relations: list[list[str]], tmp_path: Path) -> None:
    copied = tmp_path / "ministack-athena-x" / "2026-11-26" / "07" / "object"
    copied.parent.mkdir(parents=True)
    copied.write_text("line")

    athena._table_relation(TABLE, [str(copied)])

    moved = tmp_path / "ministack-athena-x" / "hour=2026-11-26%2F07" / "object"
    assert relations == [[str(moved)]]
    assert moved.read_text() == "line"


@pytest.mark.parametrize("table", [{}, {"Parameters": None}, {"Parameters": {"EXTERNAL": "TRUE"}}])
def test_a_table_without_a_template_is_left_alone(
    relations: list[list[str]], table: dict[str, Any], tmp_path: Path
) -> None:
    athena._table_relation(table, [str(tmp_path / "object")])

    assert relations == [[str(tmp_path / "object")]]
