"""Scripts in narratives, which a browser would run although an XML parser sees text (M6)."""

from typing import Any, Final

from careconnect_testing.attacks.target import Attack, Breach, Role, Target
from careconnect_testing.http.writes import XML

_DIVS: Final = (
    "<!--><img src=x onerror=alert(2)>-->",
    "<![CDATA[><img src=x onerror=alert(1)>]]>",
    "<!---><script>alert(3)</script>-->",
    "<?x ><img src=x onerror=alert(4)>?>",
    "<script>alert(5)</script>",
    "<p onclick='alert(6)'>a</p>",
    "<a href='javascript:alert(7)'>a</a>",
    "<a href='java&#10;script:alert(8)'>a</a>",
    "<a href='data:text/html,x'>a</a>",
    "<img src='https://tracker.example/x.png'/>",
    "<img src='data:image/svg+xml,x'/>",
    "<p style='position:fixed;top:0'>a</p>",
    "<p style='background:url(https://tracker.example/x)'>a</p>",
    "<p style='color:\\72 ed'>a</p>",
    "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(9)</script></svg>",
    "<x:p xmlns:x='http://www.w3.org/1999/xhtml'>a</x:p>",
    "<iframe src='https://attacker.example'/>",
    "<form action='https://attacker.example'><input/></form>",
    "<style>p { color: red }</style>",
    "<math><mtext></mtext></math>",
)
_DIV: Final = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def _stored(target: Target) -> None:
    token = target.token(Role.WRITER)
    for inner in _DIVS:
        div = _DIV.format(inner)
        _require_refused(target, token, inner, body=_organization(div))
        xml = (
            '<Organization xmlns="http://hl7.org/fhir"><text><status value="generated"/>'
            f'{div}</text><name value="attack"/></Organization>'
        )
        _require_refused(target, token, inner, content=xml.encode(), Content_Type=XML)


def _require_refused(target: Target, token: str, inner: str, **request: Any) -> None:
    answer = target.send("POST", "Organization", token, **request)
    target.remove(answer, token)
    if answer.status_code not in (400, 422):
        raise Breach(f"{answer.status_code} for {inner}")


def _organization(div: str) -> dict[str, Any]:
    return {"resourceType": "Organization", "name": "attack", "text": {"status": "generated", "div": div}}


ATTACKS: Final = (Attack("a narrative that runs scripts or loads what is elsewhere", _stored),)
