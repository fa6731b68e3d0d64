"""Validate resources against third-party models: fhir.resources' STU3 models."""

from typing import Any

from fhir.resources.STU3 import get_fhir_model_class


def valid_json(text: str, type_name: str) -> Any:
    """Return a JSON resource as its model; raises `pydantic.ValidationError` if it is not valid STU3."""
    return get_fhir_model_class(type_name).model_validate_json(text)


def valid_xml(text: str, type_name: str) -> Any:
    """Return an XML resource as its model; raises `pydantic.ValidationError` if it is not valid STU3."""
    return get_fhir_model_class(type_name).model_validate_xml(text.encode())
