"""The parameters that say how an answer is to look, once for the reader that takes them and the documents that tell.

`fhir.md`, Result parameters; STU3 Search §2.21.1.9.
"""

from typing import Final

VIEW_PARAMETERS: Final = ("_format", "_pretty", "_summary", "_elements")
"""What every interaction takes: how each resource is shown."""

RECORD_PARAMETERS: Final = ("_count", *VIEW_PARAMETERS)
"""What `$everything` takes."""

HISTORY_PARAMETERS: Final = ("_since", *RECORD_PARAMETERS)
"""What the history of a resource takes."""

SEARCH_PARAMETERS: Final = ("_count", "_sort", "_total", *VIEW_PARAMETERS)
"""What a search takes."""

BOOLEANS: Final = ("true", "false")
TOTALS: Final = ("none", "estimate", "accurate")
"""What `_total` takes: R4's parameter, with the same meaning."""
SUMMARIES: Final = ("true", "text", "data", "count", "false")

MOST_SORT_KEYS: Final = 5

DEFAULT_COUNT: Final = 20
MOST_COUNT: Final = 100
"""Matches on a page, if nothing is said and whatever is said."""
