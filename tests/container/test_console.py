"""The page for people, as `sam build` has made it and `sam local` serves it (console.md)."""

import re

import httpx


def test_the_page_and_each_of_its_files_come_from_the_built_function(http: httpx.Client) -> None:
    page = http.get("/", headers={"Accept": "text/html"})

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    assert {file.rpartition(".")[2] for file in files} == {"js", "css", "svg"}
    for file in files:
        answer = http.get(file)
        assert answer.status_code == 200, file
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.text


def test_a_program_sees_no_page_and_no_list_of_clients(http: httpx.Client) -> None:
    assert http.get("/", headers={"Accept": "application/json"}).status_code == 404
    assert http.get("/local/demo-clients").status_code in (403, 404)
    assert http.get("/docs").text == http.get("/", headers={"Accept": "text/html"}).text
