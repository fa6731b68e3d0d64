"""Packaging a template: which folders become which zips, and the template that results."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from careconnect_admin.local.deploy.packaging import PackagingError, package, zip_folder
from careconnect_admin.project import PROJECT, TEMPLATE

MINIATURE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.13}
    Properties: {ContentUri: layer}
  One:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: a.handler, Role: !GetAtt Role.Arn}
  Two:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: a.handler, Timeout: !Ref Timeout}
  Elsewhere:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: "s3://there/x.zip"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "code" / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "a" / "handler.py").write_text("def handler(): ...")
    (tmp_path / "code" / "a" / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"x")
    (tmp_path / "layer" / "shared").mkdir(parents=True)
    (tmp_path / "layer" / "shared" / "__init__.py").touch()
    (tmp_path / "template.yaml").write_text(MINIATURE)
    return tmp_path


def names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_folder_that_two_functions_share_is_one_zip_without_caches(project: Path) -> None:
    result = package(project / "template.yaml", "bucket")

    one, two = (result.template["Resources"][name]["Properties"]["CodeUri"] for name in ("One", "Two"))
    assert one == two
    assert names(result.artefacts[one.removeprefix("s3://bucket/")]) == ["a/handler.py"]
    assert len(result.artefacts) == 2


def test_a_layer_with_a_build_method_lies_under_python(project: Path) -> None:
    result = package(project / "template.yaml", "bucket")

    uri = result.template["Resources"]["Layer"]["Properties"]["ContentUri"]
    assert names(result.artefacts[uri.removeprefix("s3://bucket/")]) == ["python/shared/__init__.py"]


def test_intrinsic_functions_and_remote_code_are_stored(project: Path) -> None:
    resources = package(project / "template.yaml", "bucket").template["Resources"]

    assert resources["One"]["Properties"]["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}
    assert resources["Two"]["Properties"]["Timeout"] == {"Ref": "Timeout"}
    assert resources["Elsewhere"]["Properties"]["CodeUri"] == "s3://there/x.zip"


def test_what_the_template_includes_is_in_its_place_and_its_code_is_packaged(project: Path) -> None:
    three = {"Three": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "code", "Handler": "a.handler"}}}
    (project / "more.yaml").write_text(json.dumps(three))
    include = "  Fn::Transform: {Name: AWS::Include, Parameters: {Location: more.yaml}}\n"
    (project / "template.yaml").write_text(MINIATURE + include)

    resources = package(project / "template.yaml", "bucket").template["Resources"]

    assert resources.keys() == {"Layer", "One", "Two", "Elsewhere", "Three"}
    assert resources["Three"]["Properties"]["CodeUri"] == resources["One"]["Properties"]["CodeUri"]


def test_equal_content_gives_equal_bytes_whatever_its_dates(project: Path) -> None:
    before = zip_folder(project / "code")
    (project / "code" / "a" / "handler.py").touch()

    assert zip_folder(project / "code") == before


def test_a_missing_folder_is_named(project: Path) -> None:
    (project / "template.yaml").write_text(MINIATURE.replace("CodeUri: code", "CodeUri: nowhere"))

    with pytest.raises(PackagingError, match=r"One\.CodeUri is no folder: nowhere"):
        package(project / "template.yaml", "bucket")


@pytest.mark.parametrize(("text", "reason"), [(None, "No such file"), ("just text", "not a CloudFormation")])
def test_what_is_no_template_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "template.yaml").write_text(text)

    with pytest.raises(PackagingError, match=reason):
        package(tmp_path / "template.yaml", "bucket")


def test_every_file_of_the_project_s_functions_is_in_its_zip() -> None:
    """A file left out would go unnoticed: the emulator's interpreter sees the editable install as well."""
    result = package(TEMPLATE, "bucket")

    zipped = {name for key, content in result.artefacts.items() if key.endswith(".zip") for name in names(content)}
    for folder in (*sorted((PROJECT / "functions").iterdir()), PROJECT / "layers" / "common"):
        prefix = "python/" if folder.name == "common" else ""
        # The sources and the build of the console's page are no part of its function.
        for path in (each for each in folder.rglob("*.py") if "web" not in each.relative_to(folder).parts):
            assert prefix + path.relative_to(folder).as_posix() in zipped


def test_a_state_machines_definition_is_uploaded_as_it_is() -> None:
    result = package(TEMPLATE, "bucket")

    uploaded = result.template["Resources"]["ExportMachine"]["Properties"]["DefinitionUri"]
    key = uploaded.removeprefix("s3://bucket/")
    assert key.endswith(".json")
    assert result.artefacts[key] == (PROJECT / "infra" / "export-machine.json").read_bytes()


MADE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Made:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {CodeUri: code, Handler: a.handler}
"""


def test_a_function_with_a_makefile_is_what_its_build_leaves(project: Path) -> None:
    (project / "template.yaml").write_text(MADE)
    (project / "code/Makefile").write_text(
        "build-Made:\n\tcp -R a $(ARTIFACTS_DIR)\n\tdate >> $(ARTIFACTS_DIR)/times\n"
    )

    for times in (1, 2):
        result = package(project / "template.yaml", "bucket")
        (content,) = result.artefacts.values()
        assert names(content) == ["a/handler.py", "times"]
        # The next build finds the results of an earlier one.
        assert len(zipfile.ZipFile(io.BytesIO(content)).read("times").splitlines()) == times


def test_a_function_whose_makefile_is_elsewhere_is_what_its_folder_holds(project: Path) -> None:
    (project / "template.yaml").write_text(MADE)

    (content,) = package(project / "template.yaml", "bucket").artefacts.values()

    assert names(content) == ["a/handler.py"]


def test_a_build_that_fails_says_what_it_said(project: Path) -> None:
    (project / "template.yaml").write_text(MADE)
    (project / "code/Makefile").write_text("build-Made:\n\t@echo no network >&2; exit 3\n")

    with pytest.raises(PackagingError, match="Made cannot be built: no network"):
        package(project / "template.yaml", "bucket")


def test_a_machine_without_make_is_said_to_install_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "template.yaml").write_text(MADE)
    (project / "code/Makefile").write_text("build-Made:\n")
    monkeypatch.setenv("PATH", str(project))

    with pytest.raises(PackagingError, match="make"):
        package(project / "template.yaml", "bucket")


def test_the_console_is_packaged_with_its_page() -> None:
    result = package(TEMPLATE, "bucket")
    uri = result.template["Resources"]["ConsoleFunction"]["Properties"]["CodeUri"]
    zipped = names(result.artefacts[uri.removeprefix("s3://bucket/")])

    assert {"service_console/handler.py", "service_console/site/index.html"} <= set(zipped)
    assert [name for name in zipped if name.startswith("service_console/site/assets/app-")]
    assert not [name for name in zipped if "node_modules" in name or name.startswith("web/")]
