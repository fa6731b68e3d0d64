"""Read one resource by id, or one version of it."""

from careconnect import outcomes
from careconnect.caller import Caller
from careconnect.formats import Format
from careconnect.resource_types import ResourceType
from careconnect.scopes import Interaction
from fhir_reader.store.stored import ResourceStore, StoredResource


def read_resource(
    store: ResourceStore,
    caller: Caller,
    type_: ResourceType,
    resource_id: str,
    format_: Format,
    *,
    version: str = "",
) -> StoredResource:
    """Return the current version of a resource, or `version` if that is the current one.

    Raises the outcomes 403 without the scope; 404 for an unknown id, another version, or a resource outside
    the caller's compartment, which looks the same; 410 for a deleted one (STU3 RESTful API §2.21.0.4).
    """
    caller.require(type_, Interaction.READ)
    stored = store.read(type_, resource_id, format_)
    if stored is None or not caller.sees(type_, resource_id, stored.patients):
        raise outcomes.not_found()
    if version and version != str(stored.version):
        raise outcomes.not_found()
    if stored.gone:
        raise outcomes.gone()
    return stored
