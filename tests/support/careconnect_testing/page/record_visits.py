"""Opening a patient's record in a browser, and tokens for writing the resources shown there."""

import re
import time
from typing import Final

import httpx
from playwright.sync_api import Page

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import Visit

SAMPLE_NAME: Final = re.compile("^MUÑOZ, Sofía Elena")
"""The name of the sample's Patient/4, as the banner shows it."""


def open_record(tab: Visit, patient: str = "4") -> Page:
    """Sign in as a client that reads everything, and open a record that is complete or empty."""
    page = tab.open()
    tab.sign_in()
    go_to_record(page, patient)
    page.get_by_role("region", name="Time line").or_(page.get_by_text("No problem is recorded.")).first.wait_for()
    return page


def sign_in_with(
    tab: Visit, local_stack: LocalStack, *, client_id: str, scopes: tuple[str, ...], patient: str = ""
) -> Page:
    """Register a client with these scopes, and get a token as it."""
    registration = ClientRegistration(client_id=client_id, name=client_id, scopes=scopes, patient=patient)
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    secret = register_client(registry, registration, now=time.time())
    page = tab.open()
    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Client id").fill(client_id)
    page.get_by_label("Client secret").fill(str(secret))
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("heading", name="What it opens").wait_for()
    return page


def go_to_record(page: Page, patient: str) -> None:
    """Go to the address of a patient's record."""
    page.evaluate("hash => { location.hash = hash; }", f"#/record/{patient}")


def bearer_of(http: httpx.Client, client: DemoClient) -> dict[str, str]:
    """Return the header with a new token of a client."""
    grant = http.post("/token", data={"grant_type": "client_credentials"}, auth=(client.client_id, client.secret))
    return {"Authorization": f"Bearer {grant.json()['access_token']}"}


def writing(http: httpx.Client, editor: DemoClient) -> dict[str, str]:
    """Return the headers of a write."""
    return {**bearer_of(http, editor), "Content-Type": "application/fhir+json"}
