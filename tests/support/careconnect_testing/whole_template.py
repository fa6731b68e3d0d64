"""The project's template with what it includes, read once a process."""

from functools import cache
from typing import Any

from careconnect_admin.local.template import read_template
from careconnect_admin.project import TEMPLATE


@cache
def whole_template() -> dict[str, Any]:
    """Return the template; nobody changes what they are given."""
    return read_template(TEMPLATE)
