"""The edge (CloudFront) that requests have to come through, in a deployment that has one (ADR 10).

The edge proves itself with a secret header that nobody else can send. Its header with the viewer's address is then
trusted.
"""

import hmac
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from careconnect.http.messages import Request

SECRET_HEADER: Final = "x-origin-secret"
VIEWER_HEADER: Final = "x-viewer-address"

_V6_PREFIX: Final = 64
"""Bits: the smallest network that an IPv6 subscriber gets, and may use every address of."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The API as the origin of an edge that knows `secret`; without a secret there is no edge."""

    secret: str = field(default="", repr=False)

    def admits(self, request: Request) -> bool:
        """Return True if a request came through the edge, compared in constant time, or if there is no edge."""
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        return not self.secret or hmac.compare_digest(given, self.secret.encode())

    def seen_by(self, request: Request) -> Request:
        """Return the request with the viewer's address as `source_ip`, if the edge has proven itself.

        An IPv6 viewer counts as its /64 network. X-Forwarded-For is not trusted: any caller of the API can send it.
        """
        if not self.secret or not self.admits(request):
            return request
        try:
            viewer = ip_address(request.headers.get(VIEWER_HEADER, ""))
        except ValueError:
            return request
        if isinstance(viewer, IPv6Address):
            return replace(request, source_ip=str(ip_network((viewer, _V6_PREFIX), strict=False)))
        return replace(request, source_ip=str(viewer))
