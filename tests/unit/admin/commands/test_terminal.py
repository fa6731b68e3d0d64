"""Names, paths and texts of others reach a terminal without its control characters."""

import json

import pytest

from careconnect_admin.commands.shared.listing import print_pairs, print_table
from careconnect_admin.commands.shared.terminal import escaped, remark, say, say_json, say_xml

EVIL = "\x1b[31mevil\n\x7f\x9b\u202ename\u2069"
SHOWN = "\\u001b[31mevil\\u000a\\u007f\\u009b\\u202ename\\u2069"


def test_g_every_control_character_is_escaped_and_all_else_is_as_it_was() -> None:
    controls = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]

    assert [escaped(chr(code)) for code in controls] == [f"\\u{code:04x}" for code in controls]
    assert escaped("Zoë 王 😀 [red] \\u001b") == "Zoë 王 😀 [red] \\u001b"
    # A byte of a file's name that is not UTF-8 could not be printed.
    assert escaped("\udcff") == "\\udcff"


def test_g_a_line_is_one_line_and_holds_no_control_character_in_each_form(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    print_pairs([("name", EVIL)])
    print_table(["name"], [[EVIL]])
    remark(EVIL)

    printed = capsys.readouterr()
    assert printed.out == f"{SHOWN}\nname  {SHOWN}\nname\n{SHOWN}\n"
    assert printed.err == f"{SHOWN}\n"


def test_g_json_and_xml_mean_what_they_meant(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"name": EVIL})
    assert json.loads(capsys.readouterr().out) == {"name": EVIL}

    say_xml("<name>\n\t<family value='\x9bx\u202e'/>\n</name>")
    assert capsys.readouterr().out == "<name>\n&#9;<family value='&#155;x&#8238;'/>\n</name>\n"
