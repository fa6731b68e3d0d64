"""Settings fail at cold start, by name (house trap: `os.getenv("X", "undefined")`)."""

import pytest

from careconnect.runtime.settings import SettingError, Settings


def test_a_required_setting() -> None:
    assert Settings({"NAME": " value "}).required("NAME") == "value"


@pytest.mark.parametrize("environ", [{}, {"NAME": ""}, {"NAME": "  "}])
def test_a_missing_or_blank_setting_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="The setting NAME is missing"):
        Settings(environ).required("NAME")


def test_an_optional_setting() -> None:
    settings = Settings({"NAME": "value", "BLANK": " "})

    assert settings.optional("NAME") == "value"
    assert settings.optional("BLANK", "default") == settings.optional("ABSENT", "default") == "default"
    assert settings.optional("ABSENT") == ""


@pytest.mark.parametrize(("text", "expected"), [("60", 60), ("5400", 5400), ("", 3600), (" 70 ", 70), ("0100", 100)])
def test_a_whole_number_in_its_bounds(text: str, expected: int) -> None:
    assert Settings({"N": text}).integer("N", default=3600, low=60, high=5400) == expected


@pytest.mark.parametrize("text", ["59", "5401", "-60", "60.0", "1e3", "x", "６０", "9" * 30])
def test_anything_else_is_refused_by_name_and_without_its_value(text: str) -> None:
    with pytest.raises(SettingError, match="The setting N must be a whole number from 60 to 5400") as refused:
        Settings({"N": text}).integer("N", default=3600, low=60, high=5400)
    assert text not in str(refused.value).replace("5400", "").replace("60", "")


def test_a_choice_is_one_of_its_options() -> None:
    assert Settings({"HOME": " record "}).choice("HOME", ("record", "directory")) == "record"
    with pytest.raises(SettingError, match="The setting HOME is missing"):
        Settings({}).choice("HOME", ("record", "directory"))
    with pytest.raises(SettingError, match=r"^The setting HOME must be one of: record, directory\.$"):
        Settings({"HOME": "elsewhere"}).choice("HOME", ("record", "directory"))


def test_a_number_is_one_of_its_options() -> None:
    assert Settings({"NAME": " 90 "}).number("NAME", (0, 90)) == 90
    for text in ("91", "090", "ninety", "-1"):
        with pytest.raises(SettingError, match=r"^The setting NAME must be one of: 0, 90\.$"):
            Settings({"NAME": text}).number("NAME", (0, 90))


def test_origins() -> None:
    settings = Settings({"ALLOWED_ORIGINS": " https://a.example, https://b.example ,"})

    assert settings.origins() == ("https://a.example", "https://b.example")
    with pytest.raises(SettingError, match="ALLOWED_ORIGINS"):
        Settings({}).origins()


@pytest.mark.parametrize(
    "root",
    [
        "",
        "https://api.example.org",
        "https://10.0.0.1/live",
        "http://127.0.0.1:3000",
        "http://127.8.9.10",
        "http://localhost:3000/x",
        "http://[::1]:3000",
    ],
)
def test_a_root_is_https_or_on_this_machine(root: str) -> None:
    assert Settings({"BASE_URL": root}).root_url("BASE_URL") == root


@pytest.mark.parametrize(
    "root",
    [
        "http://api.example.org",
        "http://10.0.0.1:3000",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1@api.example.org",
        "ftp://127.0.0.1",
        "api.example.org",
        "https://",
        "//127.0.0.1",
        "https://[::1",
    ],
)
def test_any_other_root_is_a_setting_error_that_does_not_repeat_it(root: str) -> None:
    with pytest.raises(SettingError, match="BASE_URL") as caught:
        Settings({"BASE_URL": root}).root_url("BASE_URL")

    assert root not in str(caught.value)
