"""The front that requests have to come through, where a deployment has one (ADR 10).

It proves itself by a header that only it can send, and then its word for who asks is taken.
"""

import hmac
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from careconnect.http.messages import Request

SECRET_HEADER: Final = "x-origin-secret"
VIEWER_HEADER: Final = "x-viewer-address"

_V6_PREFIX: Final = 64
"""Bits: the least that a network gives one subscriber of IPv6, who may use every address of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The API as the origin of a front that knows `secret`; without a secret there is no front."""

    secret: str = field(default="", repr=False)

    def admits(self, request: Request) -> bool:
        """Say whether a request came through the front, in constant time, or need not."""
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        return not self.secret or hmac.compare_digest(given, self.secret.encode())

    def seen_by(self, request: Request) -> Request:
        """Return the request with its viewer as `source_ip`, if the front that says so has proven itself.

        An IPv6 viewer is its /64 network. X-Forwarded-For is nobody's word: whoever calls the API can send any.
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
