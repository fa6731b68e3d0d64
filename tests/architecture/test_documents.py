"""The committed documents equal those that the code generates; references in code and documents resolve."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pytest
from jsonschema import Draft7Validator

from careconnect.audit.query import LEFT_OUT, audit_query
from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES, ResourceType, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.scopes import Letter, grants_of
from careconnect_admin.clients.demo import demo_clients
from careconnect_admin.documents.console_rules import CONSOLE_RULES, console_rules
from careconnect_admin.documents.generate import documents, served_documents, write_documents
from careconnect_admin.documents.llms_index import LLMS_INDEX, llms_index
from careconnect_admin.project import DOCS
from careconnect_testing.running.cases import each_of

# The committed ones, which are those that the code makes: each process that runs tests reads them.
MADE = {
    Path(name): (DOCS / name).read_text(encoding="utf-8")
    for name in ("api.md", "openapi.json", "postman/collection.json", "postman/environment.json")
}
OPENAPI: dict[str, Any] = json.loads(MADE[Path("openapi.json")])
COLLECTION: dict[str, Any] = json.loads(MADE[Path("postman/collection.json")])
ENVIRONMENT: dict[str, Any] = json.loads(MADE[Path("postman/environment.json")])


def of_type(served: ResourceType) -> str:
    return served.name


def requests(folder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder["item"]:
        if "item" in item:
            yield from requests(item)
        else:
            yield item


def test_committed_documents_are_what_the_code_makes() -> None:
    made = documents()
    assert made.keys() == MADE.keys()
    for path, text in made.items():
        assert MADE[path] == text, f"{path}: run `make docs`"


def test_served_documents_are_what_the_code_makes() -> None:
    for path, text in served_documents().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make docs`"


def test_the_rules_that_the_page_looks_up_are_the_servers() -> None:
    assert CONSOLE_RULES.read_text(encoding="utf-8") == console_rules(), "run `make docs`"


def test_llms_txt_lists_every_page_of_the_table() -> None:
    assert LLMS_INDEX.read_text(encoding="utf-8") == llms_index(), "run `make docs`"
    targets = set(links("docs/README.md"))
    listed = re.findall(r"^- \[[^]]+\]\((\S+)\): \S", llms_index(), re.MULTILINE)
    assert len(listed) == len(targets)
    assert {(PROJECT / each).resolve() for each in listed} == {(DOCS / each).resolve() for each in targets}


def test_writing_writes_every_document(tmp_path: Path) -> None:
    write_documents(tmp_path)
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in MADE} == MADE


@each_of("served", RESOURCE_TYPES)
def test_openapi_has_every_path_and_parameter_of_a_type(served: ResourceType) -> None:
    paths = OPENAPI["paths"]
    root = f"{FHIR_PATH}/{served.name}"
    assert {f"{root}/{{id}}", f"{root}/{{id}}/_history/{{vid}}", f"{root}/_search"} <= set(paths)
    given = {each["name"] for each in parameters_of(paths[root]["get"])}
    assert given >= {parameter.name for parameter in served.searchable} | {"_id", "_lastUpdated"}
    assert (f"{root}/{{id}}/$everything" in paths) is (served.name == "Patient")
    reference = served.patient_parameter
    below = f"{FHIR_PATH}/Patient/{{id}}/{served.name}"
    assert (below in paths) is (f"{below}/_search" in paths) is (reference is not None)
    if reference is not None:
        said = {reference.name, *(each.name for each in served.searchable if each.parent == reference.name)}
        asked = parameters_of(paths[below]["get"])
        assert asked[0]["in"] == "path"
        assert {each["name"].partition(".")[0] for each in asked[1:]} == {
            name for each in given if (name := each.partition(".")[0]) not in said
        }


def parameters_of(operation: dict[str, Any]) -> list[dict[str, Any]]:
    shared = OPENAPI["components"]["parameters"]
    return [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in operation["parameters"]]


def test_openapi_references_lead_somewhere_and_operations_have_ids_of_their_own() -> None:
    text = MADE[Path("openapi.json")]
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    for reference in references:
        found: Any = OPENAPI
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    operations = [operation["operationId"] for path in OPENAPI["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations))


def test_openapi_schemas_are_json_schemas() -> None:
    for schema in OPENAPI["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_openapi_has_one_authorisation_that_may_be_bound_and_says_what_each_of_its_scopes_opens() -> None:
    schemes = OPENAPI["components"]["securitySchemes"]
    assert list(schemes) == ["clientCredentials", "dpop"]
    assert (schemes["dpop"]["type"], schemes["dpop"]["scheme"]) == ("http", "DPoP")
    scopes = schemes["clientCredentials"]["flows"]["clientCredentials"]["scopes"]
    assert scopes
    assert all(scopes.values())


@each_of("served", SERVED_TYPES)
def test_any_scope_that_openapi_asks_of_an_operation_opens_it_and_none_asks_for_more(served: ResourceType) -> None:
    root, below = f"{FHIR_PATH}/{served.name}", f"{FHIR_PATH}/Patient/{{id}}/{served.name}"
    taken = {
        root: {"get": "s", "post": "c", "put": "us", "delete": "ds"},
        f"{root}/_search": {"post": "s"},
        f"{root}/{{id}}": {"get": "r", "put": "u", "patch": "ru", "delete": "d"},
        f"{root}/{{id}}/_history": {"get": "r"},
        f"{root}/{{id}}/_history/{{vid}}": {"get": "r"},
        f"{root}/{{id}}/$everything": {"get": "rs", "post": "rs"},
        below: {"get": "s"},
        f"{below}/_search": {"post": "s"},
    }
    for path, letters in taken.items():
        for verb, operation in OPENAPI["paths"].get(path, {}).items():
            for each in operation["security"]:
                # A scope at the level `patient` opens the audit trail to a bound token alone.
                grants = grants_of(" ".join(each["clientCredentials"]), bound=True)
                opened = {one for one in Letter if grants.permits(served.name, one)}
                assert opened == set("rs" if "profile" in each["clientCredentials"] else letters[verb]), (path, verb)


@each_of("served", SERVED_TYPES)
def test_openapi_says_which_names_open_a_type(served: ResourceType) -> None:
    (said,) = [tag["description"] for tag in OPENAPI["tags"] if tag["name"] == served.name]
    assert all(f"`{name}`" in said for name in served.scope_names)
    reading, _, writing = said.partition(" For writing ")
    for name in re.findall(r"`([A-Za-z]+)`", reading):
        scope = name if name == "profile" else f"user/{name}.rs"
        assert grants_of(scope).permits(served.name, Letter.SEARCH), name
    assert ("`*` does not" in said) is served.by_name_only
    named = re.findall(r"`([A-Za-z]+)`", writing or reading) if served.writable else ()
    for name in served.scope_names:
        assert grants_of(f"user/{name}.u").permits(served.name, Letter.UPDATE) is (name in named), name


def test_openapi_has_the_audit_trails_reads_and_searches_and_nothing_else_of_it() -> None:
    root = f"{FHIR_PATH}/AuditEvent"
    found = {path: set(methods) for path, methods in OPENAPI["paths"].items() if "AuditEvent" in path}
    assert found == {root: {"get"}, f"{root}/_search": {"post"}, f"{root}/{{id}}": {"get"}}
    named = [each["name"] for each in OPENAPI["paths"][root]["get"]["parameters"] if "name" in each]
    assert named == ["_id", "patient", "date", "user", "action", "entity", "outcome"]


def test_openapi_asks_a_token_of_every_fhir_path_but_metadata() -> None:
    known = set(OPENAPI["components"]["securitySchemes"]["clientCredentials"]["flows"]["clientCredentials"]["scopes"])
    for path, operations in OPENAPI["paths"].items():
        for operation in operations.values():
            scopes = [scope for each in operation["security"] for scope in each.get("clientCredentials", ())]
            is_fhir = path.startswith(FHIR_PATH) and not path.endswith(("/metadata", "/smart-configuration"))
            assert bool(scopes) is is_fhir, path
            assert set(scopes) <= known


@each_of("served", RESOURCE_TYPES)
def test_collection_reads_a_type_and_searches_by_each_parameter(served: ResourceType) -> None:
    folder = next(item for item in COLLECTION["item"] if item["name"] == served.name)
    urls = [item["request"]["url"] for item in requests(folder)]
    assert any(url["path"][:-1] == ["careconnect-ri", "STU3", served.name] for url in urls if isinstance(url, dict))
    forms = [item["request"].get("body", {}).get("urlencoded", ()) for item in requests(folder)]
    given = [url.get("query", ()) for url in urls if isinstance(url, dict)]
    searched = {pair["key"] for pairs in (*forms, *given) for pair in pairs}
    assert searched >= {parameter.name for parameter in served.searchable} | {"_id", "_lastUpdated"}


def is_personal(type_name: str, name: str) -> bool:
    """Return True for a search by what identifies a person, of whom the type has data."""
    served = resource_type(type_name)
    if served is None or not served.has_patients:
        return False
    # An id and a truth: in another form each value of some parameters is left out.
    return any(each.value == LEFT_OUT for each in audit_query(served, [(name, "true")], FHIR_PATH).parameters)


def test_l_no_url_of_a_search_in_the_collection_or_the_reference_holds_what_names_a_person() -> None:
    asked = [item["request"] for item in requests(COLLECTION) if isinstance(item["request"]["url"], dict)]
    given = [(each["url"]["path"][-1], each["url"].get("query", ())) for each in asked if each["method"] == "GET"]
    shown = re.findall(r"`(\w+)\?([^`…]+)`", MADE[Path("api.md")])

    in_collection = [(type_name, pair["key"]) for type_name, pairs in given for pair in pairs]
    in_reference = [(type_name, pair.partition("=")[0]) for type_name, query in shown for pair in query.split("&")]
    assert {"patient", "_id"} <= {name for _, name in in_collection}
    assert {"patient", "date"} <= {name for _, name in in_reference}
    assert not [each for each in (*in_collection, *in_reference) if is_personal(*each)]
    assert is_personal("Patient", "family")
    assert is_personal("Condition", "patient.identifier")


def test_collection_tests_every_answer() -> None:
    for item in requests(COLLECTION):
        assert any("to.have.status" in line for line in item["event"][0]["script"]["exec"]), item["name"]


def test_texts_have_the_article_that_the_types_name_takes() -> None:
    for path, text in MADE.items():
        assert not re.search(r"\ba [AEIO]\w+", text), path
        assert not re.search(r"\ban [^aeiouAEIOU`X]\w+", text), path


def test_collection_writes_and_deletes_what_it_wrote() -> None:
    (writing,) = (item for item in COLLECTION["item"] if item["name"] == "Writing")
    asked = [item["request"] for item in requests(writing)]
    posted = [each["url"]["path"][-1] for each in asked if each["method"] == "POST" and "body" in each]
    made = [name for name in posted if not name.startswith(("$", "_"))]
    ended = [each["url"]["path"][-2] for each in asked if each["method"] == "DELETE"]

    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} == {each["method"] for each in asked}
    assert set(made) <= set(ended)
    given = {header["key"] for each in asked for header in each["header"]}
    assert given >= {"If-Match", "If-None-Exist", "Content-Type", "Cache-Control"}
    # Its secret may be missing, and so may the auditor's: all the rest comes before.
    assert [item["name"] for item in COLLECTION["item"][-2:]] == ["Writing", "Access record"]


def test_collection_authorises_as_the_page_says() -> None:
    auth = COLLECTION["auth"]
    settings = {each["key"]: each["value"] for each in auth["oauth2"]}
    assert auth["type"] == "oauth2"
    assert settings["grant_type"] == "client_credentials"
    assert settings["tokenName"] == "OAuth2-PatientAccess"
    assert settings["accessTokenUrl"] == "{{base}}/token"
    assert settings["client_authentication"] == "header"


def test_environment_holds_no_secret_but_the_published_ones() -> None:
    page_clients = demo_clients()[:3]
    secrets = {each["value"] for each in ENVIRONMENT["values"] if each["type"] == "secret"}
    assert secrets == {client.secret for client in page_clients} | {""}


def test_every_variable_of_the_collection_is_given_or_set_before() -> None:
    text = MADE[Path("postman/collection.json")]
    used = {part.split("}}")[0] for part in text.split("{{")[1:]}
    given = {each["key"] for each in ENVIRONMENT["values"]}
    set_on_the_way = {part.split("'")[0] for part in text.split("pm.collectionVariables.set('")[1:]}
    assert used <= given | set_on_the_way


def test_reference_names_every_type_parameter_and_scope() -> None:
    text = MADE[Path("api.md")]
    for served in SERVED_TYPES:
        row = next(line for line in text.splitlines() if line.startswith(f"| {served.name} | `"))
        assert all(f"`{parameter.name}` ({parameter.type.value})" in row for parameter in served.searchable)
        assert all(f"`{name}`" in text for name in served.scope_names)


PROJECT: Final = DOCS.parent
CONTRACT: Final = ("oauth", "bound-tokens", "tokens", "access", "fhir", "search", "write", "audit")
GENERATED: Final = {str((DOCS / path).relative_to(PROJECT)) for path in MADE}

_CITATION: Final = re.compile(rf"\b({'|'.join(CONTRACT)})\.md`?(?:,\s(?P<where>(?:[^;:.)]|: )+))?")
_RANGE: Final = re.compile(r"S(\d+) to S(\d+)")


def tracked(*endings: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name.endswith(endings) and (PROJECT / name).is_file()]


TEXTS: Final = [name for name in tracked(".py", ".md", ".yaml", ".toml", "Makefile") if name not in GENERATED]
PAGES: Final = tracked(".md")


@cache
def text_of(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """Return a Markdown file's text without its code."""
    fenced = re.sub(r"^```.*?^```", "", text_of(name), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^ {4,}(?![-*|]).*$", "", fenced, flags=re.MULTILINE)


def headings(name: str) -> list[str]:
    return [heading.replace("`", "") for heading in re.findall(r"^#+ (.+)$", prose(name), re.MULTILINE)]


def anchor(heading: str) -> str:
    """Return GitHub's anchor for a heading: lower case, punctuation left out, hyphens for spaces."""
    plain = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


@cache
def places(page: str) -> frozenset[str]:
    """Return the citable places of a page of the contract: headings, numbered rules and findings, statuses."""
    name = f"docs/contract/{page}.md"
    numbered = re.findall(r"\*\*((?:Rule|Promise) \d+|S\d+)\.?\*\*", text_of(name))
    statuses = re.findall(r"^\| (\d{3}) \|", text_of(name), re.MULTILINE)
    return frozenset((*headings(name), *numbered, *statuses))


def unresolved(page: str, where: str) -> str:
    """Return the rest of a citation's text after every place of the page is removed from it."""
    several = r"(Rule|Promise)s (\d+(?:, \d+)*) and (\d+)"
    where = re.sub(several, lambda many: _each(f"{many[1]} ", f"{many[2]}, {many[3]}"), where)
    where = _RANGE.sub(lambda span: _each("S", ", ".join(map(str, range(int(span[1]), int(span[2]) + 1)))), where)
    for place in sorted(places(page), key=len, reverse=True):
        where = re.sub(rf"(?<!\w){re.escape(place)}(?!\w)", "", where)
    return re.sub(r"\band\b|[,:`\s]", "", where)


def _each(prefix: str, numbers: str) -> str:
    return ", ".join(prefix + number for number in numbers.split(", "))


@pytest.mark.parametrize("page", CONTRACT)
def test_a_page_of_the_contract_has_places_that_are_cited(page: str) -> None:
    cited = {name for name in TEXTS if name.endswith(".py") and re.search(rf"\b{page}\.md", text_of(name))}

    assert cited
    assert places(page)


def test_a_citation_of_the_contract_leads_to_a_heading_or_a_number() -> None:
    for name in TEXTS:
        for citation in _CITATION.finditer(re.sub(r"\s+", " ", text_of(name))):
            if citation["where"]:
                assert not unresolved(citation[1], citation["where"]), (name, citation[0])


@pytest.mark.parametrize(
    ("page", "where", "left"),
    [
        ("access", "Rule 3 and S6", ""),
        ("access", "Rules 1, 2 and 5", ""),
        ("access", "S1 to S14", ""),
        ("access", "Rule 9", "Rule9"),
        ("access", "Rules 1 and 9", "Rule9"),
        ("access", "S1 to S15", "S15"),
        ("write", "Promise 3", ""),
        ("write", "Promises 1 and 5", ""),
        ("write", "Promises 1 and 9", "Promise9"),
        ("write", "Interactions: PUT Type/{id}", ""),
        ("search", "Totals and Paging", ""),
        ("fhir", "Statuses: 503", ""),
        ("fhir", "Statuses: 999", "999"),
        ("tokens", "Introspection and revocation", ""),
        ("oauth", "Nonsense", "Nonsense"),
    ],
)
def test_what_counts_as_a_place(page: str, where: str, left: str) -> None:
    assert unresolved(page, where) == left


def refusals(name: str, heading: str, status: int, code: int) -> set[tuple[str, str]]:
    """Return the pairs in the columns `status` and `code` of a page's first table under a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", text_of(name), flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]
    # Where two statuses share a row, another page has a row for each.
    return {(row[status][:3], each) for row in rows for each in _quoted(row[code]) if "401, 403" not in row}


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([a-z_-]+)`", cell)


def test_clients_are_shown_every_refusal_of_the_contract() -> None:
    oauth, fhir = "Of /token, /introspect and /revoke", "Of the FHIR API"

    assert refusals("docs/clients.md", oauth, 0, 1) == refusals("docs/contract/oauth.md", "Answers of /token", 1, 2)
    assert refusals("docs/clients.md", fhir, 0, 1) == refusals("docs/contract/fhir.md", "Statuses", 0, 1) | refusals(
        "docs/contract/access.md", "Errors", 1, 3
    ) | refusals("docs/contract/write.md", "What is refused", 0, 1)


def adrs() -> dict[int, str]:
    return {int(path.name[:4]): path.name for path in (DOCS / "adr").glob("[0-9]*.md")}


def test_an_adr_is_cited_by_the_number_of_one_that_exists() -> None:
    known = adrs().keys()
    for name in TEXTS:
        assert {int(number) for number in re.findall(r"\bADRs? (\d+)", text_of(name))} <= known, name
        assert not re.search(r"ADR(:| 0)", text_of(name)), f"{name}: by number, as `ADR 7`"


def test_the_index_of_adrs_says_what_each_says_of_itself() -> None:
    row = r"^\| \[(\d+)\]\(([^)]+)\) \| (.+?) \| (.+?) \|$"
    rows = re.findall(row, text_of("docs/adr/README.md"), re.MULTILINE)
    assert {int(number): file for number, file, *_ in rows} == adrs()
    for number, file, title, status in rows:
        text = text_of(f"docs/adr/{file}")
        assert text.startswith(f"# {number}. {title}\n\nStatus: {status}\n"), file
        if not status.startswith("superseded"):
            assert {"Context", "Decision", "Consequences"} <= set(headings(f"docs/adr/{file}")), file


def links(name: str) -> Iterator[str]:
    """Yield the links of a page that lead to a file or a heading here."""
    yield from (link for link in re.findall(r"\]\(([^)\s]+)\)", prose(name)) if not re.match(r"[a-z]+:", link))


def test_a_pages_links_lead_somewhere() -> None:
    for name, link in [(page, each) for page in PAGES for each in links(page)]:
        file, _, fragment = link.partition("#")
        target = ((PROJECT / name).parent / unquote(file)).resolve() if file else PROJECT / name
        assert target.is_relative_to(PROJECT), (name, link)
        assert target.exists(), (name, link)
        if fragment:
            found = {anchor(each) for each in headings(str(target.relative_to(PROJECT)))}
            assert fragment in found, (name, link)


def test_the_readme_says_what_each_demo_client_opens() -> None:
    """By the scopes that it has, as the service works them out."""
    text = text_of("README.md")
    table = text[text.index("| client | reads and searches |") :].partition("\n\n")[0]
    told = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    (line,) = re.findall(r"The directory is ((?:\w+, )+\w+ and \w+)\.", text)
    directory = set(re.split(r", | and ", line))
    all_types = {served.name for served in RESOURCE_TYPES}

    assert [name for name, *_ in told] == [client.name.partition(":")[0] for client in demo_clients()]
    for client, (_, cell, _) in zip(demo_clients(), told, strict=True):
        grants = grants_of(" ".join(client.scopes))
        opened, _, searched = cell.partition("; searches ")
        named = set(opened.split(", "))
        is_all = named == {"every type but AuditEvent"}
        types = (
            all_types if is_all else (named - {"the directory"}) | (directory if "the directory" in named else set())
        )
        assert set(grants.types(Letter.READ)) == types, client.name
        assert set(grants.types(Letter.SEARCH)) == types | ({searched} - {""}), client.name
