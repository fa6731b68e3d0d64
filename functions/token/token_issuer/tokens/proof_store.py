"""The issuer's access to the table of used proofs, with its own error for a table that does not answer."""

from typing import TYPE_CHECKING

from careconnect.oauth.dpop.proof import Proof
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from token_issuer.errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbProofStore:
    """Use proofs and read the nonces' key; both raise the error `unavailable`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._used = DynamoDbUsedProofs(client, table)

    def use(self, proof: Proof) -> bool:
        """Use a proof, and return True if it was unused."""
        try:
            return self._used.use(proof)
        except SERVICE_ERRORS as error:
            raise unavailable(error_code(error)) from error

    def nonce_key(self) -> bytes:
        """Return the key of the nonces that all functions share."""
        try:
            return self._used.nonce_key()
        except SERVICE_ERRORS as error:
            raise unavailable(error_code(error)) from error
