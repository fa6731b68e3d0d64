"""The proofs that were used, and the key of the nonces: a table of their own (`bound-tokens.md`, Replay; ADR 50).

A function may only put proofs, and read the one item of the nonces' key.
"""

import hashlib
import secrets
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from careconnect.oauth.access_token import KEPT_AFTER_EXPIRY
from careconnect.oauth.dpop.proof import Proof
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NONCE_KEY: Final = "nonce-key"
"""The key of the item with the nonces' key, the only one that a function may read."""

KEY_SECONDS: Final = 60
"""How long a function instance uses the nonces' key before it reads it again: the table may be made anew."""

_CONDITION_FAILED: Final = "ConditionalCheckFailedException"


class UsedProofs(Protocol):
    """The proofs that were used, at /token and below the FHIR base."""

    def use(self, proof: Proof) -> bool:
        """Use a proof, and return True if it was unused."""

    def nonce_key(self) -> bytes:
        """Return the key of the nonces that all functions share."""


class DynamoDbUsedProofs:
    """Keep used proofs in their table; errors of DynamoDB pass through.

    `clock` returns wall-clock seconds: a monotonic clock would stand still while a SnapStart snapshot waits.
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._nonce_key = b""
        self._read_at = 0.0

    def use(self, proof: Proof) -> bool:
        """Store a proof unless it is stored already, for 1 write unit; of concurrent writers one succeeds.

        A write that timed out may have happened, and boto3 repeats it. The item's `use` distinguishes our own write
        from another's. An item counts up to its `ends_at`, compared with the time at which the new proof was judged:
        how long either took to be stored does not matter then.
        """
        use = str(uuid.uuid4())
        item: Any = {
            "pk": {"S": _key_of(proof)},
            "use": {"S": use},
            "ends_at": {"N": str(proof.ends_at)},
            "expires_at": {"N": str(proof.ends_at + KEPT_AFTER_EXPIRY)},
        }
        judged_at = {":judged_at": {"N": str(int(proof.judged_at))}}
        failed = self._put_unless("attribute_not_exists(pk) OR ends_at < :judged_at", item, judged_at)
        return failed is None or failed.get("use") == {"S": use}

    def nonce_key(self) -> bytes:
        """Return the key of the nonces, which the first function that needs one makes; cached for `KEY_SECONDS`."""
        now = self._clock()
        if not self._nonce_key or not 0 <= now - self._read_at < KEY_SECONDS:
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": NONCE_KEY}}, ConsistentRead=True)
            self._nonce_key = bytes((answer.get("Item") or self._make_nonce_key())["key"]["B"])
            self._read_at = now
        return self._nonce_key

    def _make_nonce_key(self) -> Any:
        """Store a new key, unless another function has just done so; return the stored item."""
        item: Any = {"pk": {"S": NONCE_KEY}, "key": {"B": secrets.token_bytes(32)}}
        return self._put_unless("attribute_not_exists(pk)", item) or item

    def _put_unless(self, condition: str, item: Any, values: Any = None) -> Any:
        """Put an item if the condition holds, and return None; else return the item that is there."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({"ExpressionAttributeValues": values} if values else {}),
            )
        except SERVICE_ERRORS as error:
            if error_code(error) != _CONDITION_FAILED:
                raise
            response: Any = getattr(error, "response", {})
            return response.get("Item", {})
        return None


def _key_of(proof: Proof) -> str:
    """Return the item key of a proof: a hash, since a `jti` is the client's own text."""
    text = f"{proof.jkt}\0{proof.jti}"
    return "proof#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
