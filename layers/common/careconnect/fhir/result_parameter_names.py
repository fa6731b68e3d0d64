"""The parameters that control how a result is presented, for the reader and for the generated documents.

`search.md`, Result parameters; STU3 Search §2.21.1.9.
"""

from typing import Final

VIEW_PARAMETERS: Final = ("_format", "_pretty", "_summary", "_elements")
"""The parameters of every read: how each resource is presented."""

HISTORY_PARAMETERS: Final = ("_since", "_count", *VIEW_PARAMETERS)
"""The parameters of a resource's history."""

EVERYTHING_PARAMETERS: Final = ("start", "end", "_type", *HISTORY_PARAMETERS)
"""The parameters of `$everything`; `_since` and `_type` are R4's, with the same meaning."""

SEARCH_PARAMETERS: Final = ("_count", "_sort", "_total", *VIEW_PARAMETERS)
"""The parameters of a search."""

WRITE_PARAMETERS: Final = ("_format", "_pretty")
"""The parameters of every write: how its answer is presented."""

VALIDATE_PARAMETERS: Final = ("mode", "profile", *WRITE_PARAMETERS)
"""The parameters of `$validate`."""

EXPORT_PARAMETERS: Final = ("_outputFormat", "_since", "_until", "_type", "_elements", "_typeFilter")
"""The parameters of a bulk export's kick-off, in a query and in a body."""

BOOLEANS: Final = ("true", "false")
TOTALS: Final = ("none", "estimate", "accurate")
"""The values of `_total`: R4's parameter, with the same meaning."""
SUMMARIES: Final = ("true", "text", "data", "count", "false")

MAX_SORT_KEYS: Final = 5

DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 100
"""Matches on a page: the default, and the maximum."""
