"""Export all records by smart-fetch's library: python smart_fetch_export.py FHIR_BASE CLIENT_ID KEY.jwks TYPES FOLDER.

Its command line asks for scopes of types that are not served here, such as Specimen, which `/token` refuses.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from cumulus_fhir_support import FhirClient
from smart_fetch.bulk_utils import BulkExporter
from smart_fetch.lifecycle import OutputMetadata


async def export(url: str, client_id: str, jwks: dict[str, Any], types: set[str], folder: str) -> None:
    """Export the types into a folder, and delete the job."""
    async with FhirClient(url, types, smart_client_id=client_id, smart_jwks=jwks) as client:
        await BulkExporter(client, types, url, folder, metadata=OutputMetadata(folder)).export()


base, client, key_file, names, into = sys.argv[1:]
asyncio.run(export(base, client, json.loads(Path(key_file).read_text(encoding="utf-8")), set(names.split(",")), into))
