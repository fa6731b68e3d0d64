"""Listings: whole for a program, folded for a person, and never cut."""

import io
from typing import Any

import pytest
from rich.console import Console

from careconnect_admin.commands.shared import listing
from careconnect_admin.commands.shared.listing import print_pairs, print_table

SCOPES = " ".join(f"user/Type{number}.read" for number in range(30))
LONG_ID = "i" * 90
ROWS = [("a24a4d9f", "Patient access", SCOPES), (LONG_ID, "[red]Bare[/red] :smile:", "profile")]


def test_each_row_is_one_whole_line_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("client id", "name", "scope"), ROWS)

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split("  ")[0] == "a24a4d9f"
    assert lines[1].endswith(SCOPES)
    assert lines[2] == f"{LONG_ID}  [red]Bare[/red] :smile:  profile"
    # Columns begin where their headings do.
    assert lines[0].index("scope") == lines[1].index("user/") == lines[2].index("profile")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a terminal of 100 characters."""

    def console(**options: Any) -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=100, **options)

    monkeypatch.setattr(listing, "Console", console)


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_the_last_column_folded_and_the_others_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("client id", "name", "scope"), ROWS[:1])

    (first,) = capsys.readouterr().out.split("client id")[1:]
    assert len(first.splitlines()) > 5
    assert max(map(len, first.splitlines())) <= 100
    assert [word for line in first.splitlines()[1:] for word in line.split() if "/" in word] == SCOPES.split()


@pytest.mark.usefixtures("terminal")
def test_rows_that_do_not_fit_a_terminal_are_paragraphs_with_every_word_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("client id", "name", "scope"), [*ROWS, ("x", "", "y")])

    first, second, third = capsys.readouterr().out.strip().split("\n\n")
    assert max(map(len, first.splitlines())) <= 100
    assert first.startswith("client id  a24a4d9f\nname       Patient access\nscope      user/Type0.read ")
    assert [word for word in first.split() if "/" in word] == SCOPES.split()
    assert second.splitlines() == [
        f"client id  {LONG_ID}",
        "name       [red]Bare[/red] :smile:",
        "scope      profile",
    ]
    assert third.splitlines() == ["client id  x", "scope      y"]


def test_a_program_gets_each_value_as_it_is_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs([("name", "two  spaces"), ("scope", SCOPES)])

    assert capsys.readouterr().out.splitlines() == ["name   two  spaces", f"scope  {SCOPES}"]


def test_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("", "loaded"), [("Patient", "7"), ("total", "1,234,567")], numbers_from=1)

    assert capsys.readouterr().out.splitlines() == [
        "            loaded",
        "Patient          7",
        "total    1,234,567",
    ]
