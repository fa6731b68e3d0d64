"""The search parameter that a name probably means, for the end of a warning or a refusal (`search.md`)."""

from collections.abc import Collection

from careconnect.fhir.nearest_name import nearest_name
from careconnect.fhir.resource_types.other_names import parameter_called


def hint(given: str, offered: Collection[str]) -> str:
    """Return a sentence with the one of the `offered` parameters that `given` means or misspells; empty if none."""
    return _sentence(parameter_called(given, offered) or nearest_name(given, offered), given)


def hint_of_meaning(given: str, offered: Collection[str]) -> str:
    """Return the same for a name that is spelt right: a sentence with the parameter of the same meaning."""
    return _sentence(parameter_called(given, offered), given)


def _sentence(nearest: str, given: str) -> str:
    return f" The nearest is {nearest}." if nearest not in ("", given) else ""
