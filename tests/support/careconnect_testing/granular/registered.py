"""What registered scopes cover, by the service and by the contract."""

from collections.abc import Iterable, Iterator
from random import Random

from careconnect.oauth.scopes import covers as covered_by_service
from careconnect_testing.granular.generated import registration
from careconnect_testing.granular.scopes import covers


def wrongly_covered(seeds: Iterable[int]) -> Iterator[str]:
    """Yield the registrations of seeds that cover what they should not, or do not cover what they should."""
    for seed in seeds:
        registered, asked = registration(Random(seed))
        expected = covers(registered, asked)
        if covered_by_service(map(str, registered), [str(asked)]) != expected:
            verb = "covers" if expected else "does not cover"
            yield f"seed {seed}: {' '.join(map(str, registered))} {verb} {asked}, as the contract says"
