"""AWS's prices and quotas in London (eu-west-2), each with its source, read on 2026-11-26.

Dollars of the list, without tax, free tier, tiers of volume or savings plans. `AWS` is a page of AWS, in a stored copy;
`quoted` is a third party's quotation of AWS's price list; `unverified` has to be looked up before it is relied on.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MILLION: Final = 1_000_000


class Standing(StrEnum):
    """The reliability of a number."""

    AWS = "AWS"
    QUOTED = "quoted"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for `per` units."""

    what: str
    dollars: float
    per: float
    unit: str
    standing: Standing
    source: str

    def of(self, amount: float) -> float:
        """Return the price of an amount."""
        return amount * self.dollars / self.per


@dataclass(frozen=True, slots=True)
class Quota:
    """An account's quota in a Region, unless it requests more."""

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
LAMBDA_TIME: Final = Price(
    "Lambda, time on x86_64", 0.0000166667, 1, "GB-second", Standing.QUOTED, _LIST.format("AWSLambda", "2026-10-01")
)
READ_UNIT: Final = Price(
    "DynamoDB, read unit", 0.1487, MILLION, "million", Standing.QUOTED, "a quotation for eu-west-2, undated"
)
WRITE_UNIT: Final = Price(
    "DynamoDB, write unit", 0.7423, MILLION, "million", Standing.QUOTED, "a quotation for eu-west-2, undated"
)
STORAGE: Final = Price("DynamoDB, storage", 0.297, 1, "GB and month", Standing.UNVERIFIED, "")
BACKUP: Final = Price("DynamoDB, point-in-time recovery", 0.238, 1, "GB and month", Standing.UNVERIFIED, "")
KMS_RSA: Final = Price(
    "KMS, request with an RSA 2048 key", 0.03, 10_000, "10,000", Standing.QUOTED,
    "line KMS-Requests-Asymmetric-RSA_2048 of us-east-1, taken for London too",
)  # fmt: skip
LOGS: Final = Price(
    "CloudWatch, logs taken in", 0.5985, 1, "GB", Standing.QUOTED, _LIST.format("AmazonCloudWatch", "2026-09-22")
)
DATA_OUT: Final = Price(
    "Data sent to the internet", 0.09, 1, "GB", Standing.QUOTED, _LIST.format("AWSDataTransfer", "2026-09-16")
)

SNAPSHOT: Final = Price("SnapStart, snapshot", 0.0000015, 1, "GB-second", Standing.UNVERIFIED, "")
SNAPSHOT_RESTORE: Final = Price("SnapStart, restore", 0.00014, 1, "GB", Standing.UNVERIFIED, "")
KMS_KEY: Final = Price("KMS, key", 1.00, 1, "key and month", Standing.UNVERIFIED, "")
ALARM: Final = Price("CloudWatch, alarm", 0.10, 1, "alarm and month", Standing.UNVERIFIED, "")
METRIC: Final = Price("CloudWatch, custom metric", 0.30, 1, "metric and month", Standing.UNVERIFIED, "")
ARCHIVED_EVENT: Final = Price(
    "S3 and Lambda, archive and verification of an audit event", 2.73, MILLION, "million", Standing.UNVERIFIED,
    "by hand, of a small deployment: larger batches cost less",
)  # fmt: skip

_HEALTHLAKE: Final = (
    "api-evangelist/aws-healthlake 5a57736, plans/aws-healthlake-plans.yml, of aws.amazon.com/healthlake/pricing: "
    "the tier Advanced, Region not named; read on 2026-11-28"
)
HEALTHLAKE_HOUR: Final = Price("HealthLake, data store", 0.27, 1, "hour", Standing.QUOTED, _HEALTHLAKE)
HEALTHLAKE_QUERY: Final = Price("HealthLake, query", 0.048, 10_000, "10,000", Standing.QUOTED, _HEALTHLAKE)
HEALTHLAKE_STORAGE: Final = Price("HealthLake, storage", 0.37, 1, "GB and month", Standing.QUOTED, _HEALTHLAKE)
HEALTHLAKE_QUERIES_INCLUDED: Final = 3_500
"""Queries an hour that the price of the data store includes, settled by the month (AWS's pricing page)."""
HEALTHLAKE_GIGABYTES_INCLUDED: Final = 10

FHIR_WORKS_DATA_NODES: Final = 4
FHIR_WORKS_MASTER_NODES: Final = 3
FHIR_WORKS_GIGABYTES: Final = 4 * 73
"""The search domain of the production stage, sized for 100 GB.

Source: aws-solutions/fhir-works-on-aws, solutions/deployment/lib/elasticsearch.ts.
"""
OPENSEARCH_DATA_NODE: Final = Price(
    "OpenSearch, m6g.large.search", 0.128, 1, "hour", Standing.QUOTED,
    "us-east-1, 2021-10: awslabs/fhir-works-on-aws-deployment, pull request 484; London costs more",
)  # fmt: skip
OPENSEARCH_MASTER_NODE: Final = Price("OpenSearch, c6g.large.search", 0.113, 1, "hour", Standing.UNVERIFIED, "")
OPENSEARCH_STORAGE: Final = Price("OpenSearch, gp2 storage", 0.135, 1, "GB and month", Standing.UNVERIFIED, "")

PRICES: Final = (
    API_REQUEST, LAMBDA_REQUEST, LAMBDA_TIME, READ_UNIT, WRITE_UNIT, STORAGE, BACKUP, KMS_RSA, LOGS, DATA_OUT,
    SNAPSHOT, SNAPSHOT_RESTORE, KMS_KEY, ALARM, METRIC, ARCHIVED_EVENT,
    HEALTHLAKE_HOUR, HEALTHLAKE_QUERY, HEALTHLAKE_STORAGE,
    OPENSEARCH_DATA_NODE, OPENSEARCH_MASTER_NODE, OPENSEARCH_STORAGE,
)  # fmt: skip

_DYNAMODB: Final = "docs.aws.amazon.com/amazondynamodb, Quotas"
_THROTTLED: Final = "repost.aws, on-demand-table-throttling-dynamodb"

RSA_OPERATIONS: Final = Quota(
    "KMS, operations with RSA keys", 1_000, "a second", Standing.AWS, "docs.aws.amazon.com/kms, Request quotas"
)
API_RATE: Final = Quota(
    "API Gateway, requests", 10_000, "a second", Standing.AWS, "docs.aws.amazon.com/apigateway, Quotas"
)
CONCURRENCY: Final = Quota(
    "Lambda, concurrent executions", 1_000, "at once", Standing.AWS, "docs.aws.amazon.com/lambda, Quotas"
)
INVOCATIONS: Final = Quota(
    "Lambda, requests", 10_000, "a second", Standing.QUOTED, "docs.aws.amazon.com/lambda, Understanding scaling"
)
TABLE_READS: Final = Quota("DynamoDB, read units of a table", 40_000, "a second", Standing.AWS, _DYNAMODB)
TABLE_WRITES: Final = Quota("DynamoDB, write units of a table", 40_000, "a second", Standing.AWS, _DYNAMODB)
NEW_TABLE_WRITES: Final = Quota("DynamoDB, write units of a new table", 4_000, "a second", Standing.AWS, _THROTTLED)
PARTITION_WRITES: Final = Quota("DynamoDB, write units of a partition", 1_000, "a second", Standing.AWS, _THROTTLED)

QUOTAS: Final = (
    API_RATE, CONCURRENCY, INVOCATIONS, RSA_OPERATIONS, TABLE_READS, TABLE_WRITES, NEW_TABLE_WRITES,
    PARTITION_WRITES,
)  # fmt: skip
