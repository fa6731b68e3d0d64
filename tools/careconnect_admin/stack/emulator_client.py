"""Clients for an emulator, independent of the user's own AWS settings."""

import os
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import botocore.session
from botocore.config import Config

REGION: Final = "eu-west-2"


@dataclass(frozen=True)
class Credentials:
    """AWS credentials; the text form keeps the secret out of logs."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def emulator_client(service: str, endpoint: str, credentials: Credentials) -> Any:
    """Return a boto3 client of `service` at the emulator, independent of the user's own AWS settings."""
    # Without profile and configuration file: a user's profile that does not exist would fail the session.
    isolated = botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    )
    session = boto3.session.Session(
        botocore_session=isolated,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        region_name=REGION,
    )
    config = Config(
        proxies={},
        max_pool_connections=32,
        retries={"total_max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": "path"},
    )
    factory: Any = session.client
    return factory(service, endpoint_url=endpoint, config=config)
