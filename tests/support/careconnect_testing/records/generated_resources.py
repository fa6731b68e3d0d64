"""Make up resources of the types that can be written, from few values: of valid form, some break invariants."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_records.stu3.schema import Element, model_of, shape_of

Resource = dict[str, Any]

_LEVELS: Final = 5
_CHANCES: Final = (0.0, 0.12, 0.2, 0.3, 0.35, 0.4)
"""How likely an element is that need not be there, by the levels that may be below it."""
_OTHERS: Final = ("Basic", "CareTeam", "Device", "QuestionnaireResponse")
_LIKELY: Final = frozenset(
    (
        *("code", "coding", "system", "value", "unit", "start", "end", "low", "high", "reference", "use", "when"),
        *("component", "dosage", "dosageInstruction", "offset", "referenceRange", "repeat", "target", "timing"),
        *("abatementBoolean", "valueRange", "valueString"),
    )
)
_EXTENSION: Final = {"url": "urn:x", "valueCode": "a"}

_POOLS: Final[dict[str, tuple[Any, ...]]] = {
    "base64Binary": ("aGVsbG8=",),
    "boolean": (True, False),
    "code": ("a", "b", "1"),
    "date": ("2020", "2020-02", "2020-02-29", "2019-12-31"),
    "dateTime": (
        *("2020", "2020-02", "2020-02-29", "2020-03-01", "2020-02-29T10:00:00Z", "2020-02-29T10:00:00.5Z"),
        *("2020-02-29T23:30:00-05:00", "2020-03-01T10:00:00+14:00", "2019-12-31T23:59:59Z"),
    ),
    "decimal": (0, 1, 2, -1, JsonNumber("1.5"), JsonNumber("1.0"), JsonNumber("0.1")),
    "id": ("a", "b"),
    "instant": ("2020-02-29T10:00:00Z",),
    "integer": (0, 1, -1),
    "oid": ("urn:oid:1.2.3",),
    "positiveInt": (1, 2),
    "time": ("10:00:00",),
    "unsignedInt": (0, 1),
    "uri": ("http://unitsofmeasure.org", "urn:iso:std:iso:4217", "urn:x"),
    "uuid": ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520",),
    "xhtml": ('<div xmlns="http://www.w3.org/1999/xhtml">a</div>',),
}
_REFERENCES: Final = ("#a", "#b", "#", "Patient/1", "Practitioner/1", "https://other.example/Device/1", "urn:uuid:1")


def generated_resources(number: int, seed: int) -> Iterator[Resource]:
    """Yield as many resources, the same for the same seed."""
    maker = _Maker(Random(seed))
    for _ in range(number):
        yield maker.resource(maker.choice([each.name for each in RESOURCE_TYPES]), _LEVELS)


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random
        self.choice = random.choice

    def resource(self, type_name: str, levels: int) -> Resource:
        return {"resourceType": type_name, **self._node(shape_of(model_of(type_name)), levels)}

    def _node(self, shape: dict[str, Element], levels: int) -> Resource:
        node: Resource = {}
        for element in self._chosen(shape, levels):
            if element.primitive:
                self._put_primitive(node, element)
            else:
                items = [self._complex(element, levels - 1) for _ in range(self._times(element))]
                node[element.name] = items if element.repeats else items[0]
        if not node:
            # The id, if all other elements have elements of their own.
            *_, element = sorted(
                (each for each in shape.values() if each.primitive), key=lambda each: each.name != "id"
            )
            self._put_primitive(node, element)
        return node

    def _chosen(self, shape: dict[str, Element], levels: int) -> list[Element]:
        """Return the required elements, a few others, and one form of each choice."""
        elements = list(shape.values())
        self._random.shuffle(elements)
        chosen = []
        choices = set()
        forms = {each.choice for each in elements if each.choice}
        for element in elements:
            if element.choice in choices or (not element.primitive and levels <= 0 and not element.required):
                continue
            chance = 0.6 if element.name in _LIKELY else _CHANCES[max(levels, 0)]
            if element.name in ("extension", "modifierExtension", "contained", "implicitRules", "language"):
                chance = 0.05
            if element.choice and len(forms) == 1 and len(elements) > 30:
                # The many forms of an extension's value.
                chance = 0.02
            if element.required or self._random.random() < chance:
                choices |= {element.choice} if element.choice else set()
                chosen.append(element)
        return chosen

    def _times(self, element: Element) -> int:
        return self._random.choice((1, 1, 2)) if element.repeats else 1

    def _complex(self, element: Element, levels: int) -> Resource:
        if element.type_class.__name__ == "Resource":
            names = [*_OTHERS, *(each.name for each in RESOURCE_TYPES)]
            return self.resource(self._random.choice(names), levels - 2)
        is_bare = self._random.random() < 0.01 and not any(each.required for each in element.shape.values())
        return {"id": "a"} if is_bare else self._node(element.shape, levels)

    def _put_primitive(self, node: Resource, element: Element) -> None:
        if element.extends and not (element.repeats or element.choice) and self._random.random() < 0.03:
            node[f"_{element.name}"] = {"extension": [_EXTENSION]}
            return
        values = [self._value(element) for _ in range(self._times(element))]
        node[element.name] = values if element.repeats else values[0]

    def _value(self, element: Element) -> Any:
        if element.codes:
            return self._random.choice(sorted(element.codes))
        if element.name == "reference" and element.primitive == "string":
            return self._random.choice(_REFERENCES)
        return self._random.choice(_POOLS.get(element.primitive, ("a", "b")))
