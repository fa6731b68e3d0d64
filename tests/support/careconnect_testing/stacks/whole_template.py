"""The project's template and its included files, read once a process."""

from functools import cache
from typing import Any

from careconnect_admin.local.deploy.template import read_template
from careconnect_admin.project import TEMPLATE


@cache
def whole_template() -> dict[str, Any]:
    """Return the template; do not change it."""
    return read_template(TEMPLATE)
