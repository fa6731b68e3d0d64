"""The drawn archive is one that the archiver could have put; a report's growth is judged."""

from pathlib import Path

import pytest
from benchmarks.archive import figures
from benchmarks.archive.draw import DAYS, draw
from benchmarks.archive.folder import Folder

from audit_archiver.archived_batch import BatchKey, unpack
from careconnect.audit.event import day_of, event_of, time_of
from careconnect_admin.audit_trail.archive_listing import listed


def test_drawn_objects_are_whole_and_their_events_are_in_place(tmp_path: Path) -> None:
    draw(tmp_path, 2_500)

    found = []
    for file in sorted(each for each in tmp_path.rglob("*") if each.is_file()):
        key = BatchKey.of(file.relative_to(tmp_path).as_posix())
        assert key is not None
        records = unpack(key, file.read_bytes())
        assert records
        assert (records[0].time, records[-1].time) == (key.first, key.last)
        found += records
    assert len({each.sort_key for each in found}) == 2_500
    assert all(each.is_in_place and each.time == time_of(each.sort_key) for each in found)
    assert [event_of(each.new or {}).patient for each in found[:3]] == ["0", "1", "2"]
    assert (day_of(found[0].time), day_of(found[-1].time)) == (DAYS[0], DAYS[-1])
    assert listed(Folder(tmp_path), "archive", DAYS).downloaded.objects == 1_250  # type: ignore[arg-type]


def test_a_report_reads_in_proportion_to_its_period() -> None:
    rows = figures.rows_of(20_000)

    assert [row["days"] for row in rows] == [1, 10, 100]
    assert [row["objects"] for row in rows] == [11, 101, 1_000]
    assert rows[-1]["found"] == 4


@pytest.mark.parametrize("worse", [{"objects": 13}, {"rss": 90.1}, {"found": 3}])
def test_growth_is_refused(worse: dict[str, float]) -> None:
    row = {"events": 100_000, "days": 1, "objects": 12, "rss": 70.0, "found": 0}

    figures._judge([row, {**row, "objects": 10, "rss": 89.9}])
    with pytest.raises(AssertionError):
        figures._judge([row, {**row, **worse}])
