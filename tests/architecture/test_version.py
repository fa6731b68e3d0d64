"""The version is declared once; the installed project and the served documents state it."""

import json
import tomllib
from importlib.metadata import version
from pathlib import Path

from careconnect import __version__
from careconnect.http.base_url import BaseUrl
from service_discovery.built_documents import capability_statement, openapi_document

PROJECT = Path(__file__).resolve().parents[2]
BASE = BaseUrl("https://care.example")


def test_the_project_takes_its_version_from_the_common_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))

    assert "version" not in project["project"]
    assert PROJECT / project["tool"]["hatch"]["version"]["path"] == PROJECT / "layers/common/careconnect/__init__.py"
    assert version("careconnect-serverless") == __version__


def test_the_documents_state_the_version() -> None:
    statement = json.loads(capability_statement(BASE))

    assert statement["version"] == statement["software"]["version"] == __version__
    assert json.loads(openapi_document(BASE))["info"]["version"] == __version__
