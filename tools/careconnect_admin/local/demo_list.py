"""The list of demo clients for the local run's page. Only the local proxy serves it; no deployment has this path.

Only the page of this machine gets the list. The browser's Host, Origin and Sec-Fetch-Site headers are checked, and no
other origin is allowed. So neither a page of another site can read it, nor one that makes its own name point to this
machine (DNS rebinding).
"""

import json
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from careconnect_admin.clients.demo import DemoClient

PATH: Final = "/local/demo-clients"
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


def demo_list(clients: "Sequence[DemoClient]") -> bytes:
    """Return the list as JSON: id, name, secret and scopes of each client."""
    listed = [
        {"id": each.client_id, "name": each.name, "secret": each.secret, "scopes": list(each.scopes)}
        for each in clients
    ]
    return json.dumps({"clients": listed}).encode()


def answer(listed: bytes, target: str, request: web.BaseRequest, port: int) -> web.Response | None:
    """Return the response with the list for this machine's page; None for any other request, as for an unknown path."""
    headers = request.headers
    hosts = [f"{name}:{port}" for name in _NAMES]
    origins = ["", *(f"http://{host}" for host in hosts)]
    is_ours = headers.get("Host", "") in hosts and headers.get("Origin", "") in origins
    is_asked = listed and target == PATH and request.method == "GET"
    if not (is_asked and is_ours) or headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return None
    kept_to_itself = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
    return web.Response(body=listed, content_type="application/json", headers=kept_to_itself)
