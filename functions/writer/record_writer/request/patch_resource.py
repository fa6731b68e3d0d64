"""Parse a JSON Patch and apply it to a resource (RFC 6902), within bounds of time and size."""

import copy
from typing import Any, Final

from jsonpatch import InvalidJsonPatch, JsonPatch, JsonPatchException
from jsonpointer import JsonPointer, JsonPointerException

from careconnect_records.items.resource_items import LARGEST_BODY
from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_records.parsing.faults import UnreadableBodyError
from careconnect_records.parsing.strict_json import parse_json_value
from record_writer import refusals

MAX_OPERATIONS: Final = 1_000

_DEEPEST: Final = 64
_NEEDS: Final = {
    "add": "value",
    "replace": "value",
    "test": "value",
    "remove": "path",
    "move": "from",
    "copy": "from",
}
"""RFC 6902's operations, each with the member that it needs besides `op` and `path`."""

Operation = dict[str, Any]


def parse_patch(body: bytes) -> list[Operation]:
    """Return the operations of a patch; raises the outcomes 400 for a body that is no patch, and 413 for too many."""
    try:
        operations = parse_json_value(body)
    except UnreadableBodyError as error:
        raise refusals.unreadable(str(error)) from None
    if not isinstance(operations, list):
        raise refusals.not_a_patch("A patch is a list of operations (RFC 6902).")
    if len(operations) > MAX_OPERATIONS:
        raise refusals.too_many_operations(MAX_OPERATIONS)
    for operation in operations:
        _require_operation(operation)
    return operations


def _require_operation(operation: Any) -> None:
    if not isinstance(operation, dict):
        raise refusals.not_a_patch("A patch holds objects, each an operation (RFC 6902).")
    name = operation.get("op")
    needed = _NEEDS.get(name) if isinstance(name, str) else None
    if needed is None:
        raise refusals.not_a_patch(f"An operation's op is one of {', '.join(_NEEDS)} (RFC 6902 §4).")
    if needed not in operation or "path" not in operation:
        raise refusals.not_a_patch(f"The operation {name} has a path and a {needed} (RFC 6902 §4).")
    try:
        JsonPatch([operation])
        JsonPointer(operation["from"] if needed == "from" else "")
    except (JsonPatchException, JsonPointerException, TypeError):
        raise refusals.not_a_patch("The path or from of an operation is no JSON Pointer (RFC 6901).") from None


def patched(resource: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """Return a patched resource; the given resource is changed, too.

    Raises the outcomes 422 for an operation that cannot be done, and 413 for a patch that builds or moves more than a
    resource may hold.
    """
    bounds = _Bounds()
    result: Any = resource
    # A copy, since an added value becomes a part of the result, and later operations change it.
    for position, operation in enumerate(copy.deepcopy(operations)):
        try:
            bounds.admit(operation, result)
            result = JsonPatch([operation]).apply(result, in_place=True)
        except (JsonPatchException, JsonPointerException, InvalidJsonPatch):
            raise refusals.patch_failed(position) from None
    if not isinstance(result, dict):
        raise refusals.patch_of_identity()
    return result


class _Bounds:
    """The bounds of all operations of one patch together: bytes copied, bytes visited, depth."""

    def __init__(self) -> None:
        self._built = LARGEST_BODY
        self._visited = 10 * LARGEST_BODY

    def admit(self, operation: Operation, document: Any) -> None:
        """Count an operation before it is done; raises the outcomes, and jsonpointer's error for an absent path."""
        path = JsonPointer(operation["path"])
        if operation["op"] in ("copy", "move"):
            value = JsonPointer(operation["from"]).resolve(document)
        elif operation["op"] in ("add", "replace"):
            value = operation["value"]
        else:
            return
        size, depth = _extent(value, self._visited)
        self._visited -= size
        if operation["op"] == "copy":
            self._built -= size
        if self._visited < 0 or self._built < 0 or depth + len(path.parts) > _DEEPEST:
            raise refusals.too_large()


def _extent(value: Any, limit: int) -> tuple[int, int]:
    """Return the approximate size of a JSON value in bytes, and its depth; stops soon after `limit` bytes."""
    size, deepest = 0, 0
    waiting = [(value, 0)]
    while waiting and size <= limit:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(node, dict):
            size += sum(len(name) + 4 for name in node) + 2
            waiting += [(child, depth + 1) for child in node.values()]
        elif isinstance(node, list):
            size += len(node) + 2
            waiting += [(child, depth + 1) for child in node]
        elif isinstance(node, str):
            size += len(node) + 2
        else:
            size += len(node.literal) if isinstance(node, JsonNumber) else 8
    return size, deepest
