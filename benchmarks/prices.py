"""What AWS charges in London (eu-west-2) and how much it gives, with where each number is from.

Dollars of the list, without tax, free tier, tiers of volume or savings plans. `AWS` is a page of AWS that was read, in
a stored copy; `quoted` is somebody else's quotation of AWS's price list; `unverified` is neither, and has to be looked
up before anybody relies on it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

READ: Final = "2026-11-26"
"""When the sources were read."""

MILLION: Final = 1_000_000


class Standing(StrEnum):
    """How a number is known."""

    AWS = "AWS"
    QUOTED = "quoted"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for `per` of something."""

    what: str
    dollars: float
    per: float
    unit: str
    standing: Standing
    source: str

    def of(self, amount: float) -> float:
        """Return what so much of it costs."""
        return amount * self.dollars / self.per


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may use in a Region, unless it asks for more."""

    what: str
    most: float
    unit: str
    standing: Standing
    source: str


_LIST: Final = "price list file of {} for eu-west-2, {}"

API_REQUEST: Final = Price(
    "API Gateway, REST request", 3.50, MILLION, "million", Standing.QUOTED,
    _LIST.format("AmazonApiGateway", "line EUW2-ApiGatewayRequest, 2026"),
)  # fmt: skip
LAMBDA_REQUEST: Final = Price(
    "Lambda, request", 0.20, MILLION, "million", Standing.QUOTED, _LIST.format("AWSLambda", "2026-10-01")
)
LAMBDA_X86: Final = Price(
    "Lambda, x86_64", 0.0000166667, 1, "GB-second", Standing.QUOTED, _LIST.format("AWSLambda", "2026-10-01")
)
LAMBDA_ARM: Final = Price(
    "Lambda, arm64", 0.0000133334, 1, "GB-second", Standing.QUOTED, _LIST.format("AWSLambda", "2026-10-01")
)
SNAPSHOT: Final = Price(
    "Lambda, SnapStart's kept snapshot", 0.0000015046, 1, "GB-second", Standing.QUOTED,
    "several quotations of the price list, for Regions of this price",
)  # fmt: skip
RESTORE: Final = Price(
    "Lambda, SnapStart's restore", 0.0001397998, 1, "GB", Standing.QUOTED,
    "several quotations of the price list, for Regions of this price",
)  # fmt: skip
READ_UNIT: Final = Price(
    "DynamoDB, read request unit", 0.1487, MILLION, "million", Standing.QUOTED, "a quotation for eu-west-2, undated"
)
WRITE_UNIT: Final = Price(
    "DynamoDB, write request unit", 0.7423, MILLION, "million", Standing.QUOTED, "a quotation for eu-west-2, undated"
)
REPLICATED_UNIT: Final = Price(
    "DynamoDB, replicated write request unit", 0.7423, MILLION, "million", Standing.UNVERIFIED,
    "taken to cost what a write unit does, since November 2024",
)  # fmt: skip
STORAGE: Final = Price("DynamoDB, storage", 0.297, 1, "GB and month", Standing.UNVERIFIED, "")
BACKUP: Final = Price("DynamoDB, point-in-time recovery", 0.238, 1, "GB and month", Standing.UNVERIFIED, "")
KMS_RSA: Final = Price(
    "KMS, request with an RSA 2048 key", 0.03, 10_000, "10,000", Standing.QUOTED,
    "line KMS-Requests-Asymmetric-RSA_2048 of us-east-1, taken for London too",
)  # fmt: skip
KMS_ECC: Final = Price(
    "KMS, request with another asymmetric key", 0.15, 10_000, "10,000", Standing.QUOTED,
    "line KMS-Requests-Asymmetric of us-east-1, taken for London too",
)  # fmt: skip
KMS_KEY: Final = Price(
    "KMS, key, each replica of a multi-Region key too", 1.00, 1, "month", Standing.AWS, "aws.amazon.com/kms/pricing"
)
LOGS: Final = Price(
    "CloudWatch, logs taken in", 0.5985, 1, "GB", Standing.QUOTED, _LIST.format("AmazonCloudWatch", "2026-09-22")
)
TRACE: Final = Price("X-Ray, trace recorded", 5.00, MILLION, "million", Standing.UNVERIFIED, "")
DATA_OUT: Final = Price(
    "Data sent to the internet", 0.09, 1, "GB", Standing.QUOTED, _LIST.format("AWSDataTransfer", "2026-09-16")
)

PRICES: Final = (
    API_REQUEST, LAMBDA_REQUEST, LAMBDA_X86, LAMBDA_ARM, SNAPSHOT, RESTORE, READ_UNIT, WRITE_UNIT, REPLICATED_UNIT,
    STORAGE, BACKUP, KMS_RSA, KMS_ECC, KMS_KEY, LOGS, TRACE, DATA_OUT,
)  # fmt: skip

_KMS: Final = "docs.aws.amazon.com/kms, Request quotas"
_DYNAMODB: Final = "docs.aws.amazon.com/amazondynamodb, Quotas"
_THROTTLED: Final = "repost.aws, on-demand-table-throttling-dynamodb"

RSA_OPERATIONS: Final = Quota("KMS, operations with RSA keys", 1_000, "a second", Standing.AWS, _KMS)
ECC_OPERATIONS: Final = Quota("KMS, operations with elliptic-curve keys", 1_000, "a second", Standing.AWS, _KMS)
PUBLIC_KEYS: Final = Quota("KMS, GetPublicKey", 2_000, "a second", Standing.AWS, _KMS)
API_RATE: Final = Quota(
    "API Gateway, requests", 10_000, "a second", Standing.AWS, "docs.aws.amazon.com/apigateway, Quotas"
)
CONCURRENCY: Final = Quota(
    "Lambda, concurrent executions", 1_000, "at once", Standing.AWS, "docs.aws.amazon.com/lambda, Quotas"
)
INVOCATIONS: Final = Quota(
    "Lambda, requests: ten times the concurrency", 10_000, "a second", Standing.QUOTED,
    "docs.aws.amazon.com/lambda, Understanding scaling",
)  # fmt: skip
LAMBDA_GROWTH: Final = Quota(
    "Lambda, further instances of a function", 1_000, "in 10 seconds", Standing.AWS,
    "docs.aws.amazon.com/lambda, Scaling behavior",
)  # fmt: skip
TABLE_READS: Final = Quota("DynamoDB, read units of a table", 40_000, "a second", Standing.AWS, _DYNAMODB)
TABLE_WRITES: Final = Quota(
    "DynamoDB, write units of a table, and of each index", 40_000, "a second", Standing.AWS, _DYNAMODB
)
NEW_TABLE_WRITES: Final = Quota("DynamoDB, write units of a new table", 4_000, "a second", Standing.AWS, _THROTTLED)
NEW_TABLE_READS: Final = Quota("DynamoDB, read units of a new table", 12_000, "a second", Standing.AWS, _THROTTLED)
PARTITION_READS: Final = Quota("DynamoDB, read units of a partition", 3_000, "a second", Standing.AWS, _THROTTLED)
PARTITION_WRITES: Final = Quota("DynamoDB, write units of a partition", 1_000, "a second", Standing.AWS, _THROTTLED)

QUOTAS: Final = (
    API_RATE, CONCURRENCY, INVOCATIONS, LAMBDA_GROWTH, RSA_OPERATIONS, ECC_OPERATIONS, PUBLIC_KEYS, TABLE_READS,
    TABLE_WRITES, NEW_TABLE_READS, NEW_TABLE_WRITES, PARTITION_READS, PARTITION_WRITES,
)  # fmt: skip
