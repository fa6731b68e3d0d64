"""AWS's prices and quotas in London (eu-west-2), each with its source, read on 2026-11-26 and 2026-12-01.

    python -m benchmarks.costs.prices --check

Downloads AWS's price lists, which need no account, and prints each price that they state otherwise or do not state.

Dollars of the list, without tax, free tier, tiers of volume or savings plans. `AWS` is a page of AWS, in a stored copy;
`quoted` is a third party's quotation of AWS's price list, with the list's day if it is told; `unverified` has to be
looked up before it is relied on. AWS's lists themselves have not been read: no price has passed the check yet. A usage
type that no quotation names is written by AWS's pattern for London, so the check may not find it.
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from careconnect_admin.audit_trail import archive_price

MILLION: Final = 1_000_000


class Standing(StrEnum):
    """The reliability of a number."""

    AWS = "AWS"
    QUOTED = "quoted"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of AWS's price lists: the list of a service, and the usage type."""

    offer: str
    usage_type: str

    @property
    def address(self) -> str:
        """The address of the list."""
        return LIST.format(self.offer)


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for `per` units; `line` is None where no list of London states the price."""

    what: str
    dollars: float
    per: float
    unit: str
    standing: Standing
    source: str
    line: Line | None = None

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


LIST: Final = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{}/current/eu-west-2/index.json"
"""The address of a service's price list for London."""

_LIST: Final = "price list file of {} for eu-west-2, {}"

_TOGEN: Final = "rows of AWS's list of 2026-09-05 in the tests of github.com/mooncitizen/togen, package aws"
_VIRGINIA: Final = "London's price of a unit on demand, in the proportion of us-east-1: {}"
_PAGE: Final = "AWS's pricing page as quoted by {}; Region not named"

API_REQUEST: Final = Price(
    "API Gateway, REST request", 3.50, MILLION, "million", Standing.QUOTED,
    _LIST.format("AmazonApiGateway", "line EUW2-ApiGatewayRequest, 2026") + "; " + _TOGEN,
    Line("AmazonApiGateway", "EUW2-ApiGatewayRequest"),
)  # fmt: skip
HTTP_API_REQUEST: Final = Price(
    "API Gateway, HTTP API request", 1.16, MILLION, "million", Standing.QUOTED, _TOGEN,
    Line("AmazonApiGateway", "EUW2-ApiGatewayHttpRequest"),
)  # fmt: skip
LAMBDA_REQUEST: Final = Price(
    "Lambda, request", 0.20, MILLION, "million", Standing.QUOTED, _LIST.format("AWSLambda", "2026-10-01"),
    Line("AWSLambda", "EUW2-Request"),
)  # fmt: skip
LAMBDA_TIME: Final = Price(
    "Lambda, time on x86_64", 0.0000166667, 1, "GB-second", Standing.QUOTED, _LIST.format("AWSLambda", "2026-10-01"),
    Line("AWSLambda", "EUW2-Lambda-GB-Second"),
)  # fmt: skip
LAMBDA_ARM_TIME: Final = Price(
    "Lambda, time on arm64", 0.0000133334, 1, "GB-second", Standing.QUOTED,
    _LIST.format("AWSLambda", "2026-10-01") + "; " + _TOGEN, Line("AWSLambda", "EUW2-Lambda-GB-Second-ARM"),
)  # fmt: skip
READ_UNIT: Final = Price(
    "DynamoDB, read unit", 0.1487, MILLION, "million", Standing.QUOTED, "a quotation for eu-west-2, undated",
    Line("AmazonDynamoDB", "EUW2-ReadRequestUnits"),
)  # fmt: skip
WRITE_UNIT: Final = Price(
    "DynamoDB, write unit", 0.7423, MILLION, "million", Standing.QUOTED, "a quotation for eu-west-2, undated",
    Line("AmazonDynamoDB", "EUW2-WriteRequestUnits"),
)  # fmt: skip
STORAGE: Final = Price(
    "DynamoDB, storage", 0.297, 1, "GB and month", Standing.UNVERIFIED, "",
    Line("AmazonDynamoDB", "EUW2-TimedStorage-ByteHrs"),
)  # fmt: skip
BACKUP: Final = Price(
    "DynamoDB, point-in-time recovery", 0.238, 1, "GB and month", Standing.UNVERIFIED, "",
    Line("AmazonDynamoDB", "EUW2-TimedPITRStorage-ByteHrs"),
)  # fmt: skip
INFREQUENT_READ_UNIT: Final = Price(
    "DynamoDB, Standard-IA, read unit", 0.1844, MILLION, "million", Standing.UNVERIFIED,
    _VIRGINIA.format("0.155 to 0.125"), Line("AmazonDynamoDB", "EUW2-IA-ReadRequestUnits"),
)  # fmt: skip
INFREQUENT_WRITE_UNIT: Final = Price(
    "DynamoDB, Standard-IA, write unit", 0.9264, MILLION, "million", Standing.UNVERIFIED,
    _VIRGINIA.format("0.78 to 0.625"), Line("AmazonDynamoDB", "EUW2-IA-WriteRequestUnits"),
)  # fmt: skip
INFREQUENT_STORAGE: Final = Price(
    "DynamoDB, Standard-IA, storage", 0.1188, 1, "GB and month", Standing.UNVERIFIED,
    "London's price of the class Standard, in the proportion of us-east-1: 0.10 to 0.25",
    Line("AmazonDynamoDB", "EUW2-IA-TimedStorage-ByteHrs"),
)  # fmt: skip
READ_CAPACITY: Final = Price(
    "DynamoDB, provisioned read unit a second", 0.0001546, 1, "hour", Standing.UNVERIFIED,
    _VIRGINIA.format("0.00013 to 0.125 a million"), Line("AmazonDynamoDB", "EUW2-ReadCapacityUnit-Hrs"),
)  # fmt: skip
WRITE_CAPACITY: Final = Price(
    "DynamoDB, provisioned write unit a second", 0.000772, 1, "hour", Standing.UNVERIFIED,
    _VIRGINIA.format("0.00065 to 0.625 a million"), Line("AmazonDynamoDB", "EUW2-WriteCapacityUnit-Hrs"),
)  # fmt: skip
S3_STORAGE: Final = Price(
    "S3 Standard, storage", 0.024, 1, "GB and month", Standing.QUOTED, _TOGEN,
    Line("AmazonS3", "EUW2-TimedStorage-ByteHrs"),
)  # fmt: skip
S3_PUT: Final = Price(
    "S3 Standard, put or list", archive_price.S3_THOUSAND_LISTS, 1_000, "1,000", Standing.QUOTED, _TOGEN,
    Line("AmazonS3", "EUW2-Requests-Tier1"),
)  # fmt: skip
S3_GET: Final = Price(
    "S3 Standard, get", archive_price.S3_THOUSAND_GETS, 1_000, "1,000", Standing.QUOTED, _TOGEN,
    Line("AmazonS3", "EUW2-Requests-Tier2"),
)  # fmt: skip
ATHENA: Final = Price(
    "Athena, data scanned, 10 MB at least", archive_price.ATHENA_TERABYTE, 10**12, "TB", Standing.QUOTED,
    "athena.guide, Athena basics: pricing model; Region not named", Line("AmazonAthena", "EUW2-DataScannedInTB"),
)  # fmt: skip
KMS_RSA: Final = Price(
    "KMS, request with an RSA 2048 key", 0.03, 10_000, "10,000", Standing.QUOTED,
    "line KMS-Requests-Asymmetric-RSA_2048 of us-east-1, taken for London too",
    Line("awskms", "eu-west-2-KMS-Requests-Asymmetric-RSA_2048"),
)  # fmt: skip
LOGS: Final = Price(
    "CloudWatch, logs taken in", 0.5985, 1, "GB", Standing.QUOTED, _LIST.format("AmazonCloudWatch", "2026-09-22"),
    Line("AmazonCloudWatch", "EUW2-DataProcessing-Bytes"),
)  # fmt: skip
INFREQUENT_LOGS: Final = Price(
    "CloudWatch, logs of the class Infrequent Access taken in", 0.29925, 1, "GB", Standing.UNVERIFIED,
    "London's price of the class Standard, in the proportion of us-east-1: 0.25 to 0.50",
    Line("AmazonCloudWatch", "EUW2-DataProcessingIA-Bytes"),
)  # fmt: skip
DATA_OUT: Final = Price(
    "Data sent to the internet", archive_price.GIGABYTE_OUT, 1, "GB", Standing.QUOTED,
    _LIST.format("AWSDataTransfer", "2026-09-16"), Line("AWSDataTransfer", "EUW2-DataTransfer-Out-Bytes"),
)  # fmt: skip

_CLOUDFRONT: Final = "price list file of AmazonCloudFront, Europe, 2026-10-03"
FRONT_REQUEST: Final = Price("CloudFront, HTTPS request", 0.012, 10_000, "10,000", Standing.QUOTED, _CLOUDFRONT)
FRONT_FUNCTION: Final = Price("CloudFront, function's call", 0.10, MILLION, "million", Standing.QUOTED, _CLOUDFRONT)
EDGE_REQUEST: Final = Price(
    "Lambda@Edge, request", 0.60, MILLION, "million", Standing.QUOTED, _TOGEN,
    Line("AWSLambda", "EUW2-Lambda-Edge-Request"),
)  # fmt: skip

_SNAPSTART: Final = _PAGE.format("awsnegotiations.com/blog/lambda-snapstart-cost-impact")
SNAPSHOT: Final = Price(
    "SnapStart, snapshot", 0.0000015046, 1, "GB-second", Standing.QUOTED, _SNAPSTART,
    Line("AWSLambda", "EUW2-Lambda-SnapStart-Cached-GB-S"),
)  # fmt: skip
SNAPSHOT_RESTORE: Final = Price(
    "SnapStart, restore", 0.0001397998, 1, "GB", Standing.QUOTED, _SNAPSTART,
    Line("AWSLambda", "EUW2-Lambda-SnapStart-Restored-GB"),
)  # fmt: skip
KMS_KEY: Final = Price(
    "KMS, key", 1.00, 1, "key and month", Standing.QUOTED, _LIST.format("awskms", "2026-09-11"),
    Line("awskms", "eu-west-2-KMS-Keys"),
)  # fmt: skip
ALARM: Final = Price(
    "CloudWatch, alarm", 0.10, 1, "metric of an alarm and month", Standing.QUOTED,
    _LIST.format("AmazonCloudWatch", "2026-09-22"),
    Line("AmazonCloudWatch", "EUW2-CW:AlarmMonitorUsage"),
)  # fmt: skip
METRIC: Final = Price(
    "CloudWatch, custom metric, for the hours in which it is sent", 0.30, 1, "metric and month", Standing.QUOTED,
    _LIST.format("AmazonCloudWatch", "2026-09-22") + "; that \"all custom metrics charges are prorated by the hour and "
    "metered only when you send metrics to CloudWatch\" is of aws.amazon.com/cloudwatch/pricing",
    Line("AmazonCloudWatch", "EUW2-CW:MetricMonitorUsage"),
)  # fmt: skip

_COGNITO: Final = "Cognito, {}, first tier; not London: no price of London was found"
COGNITO_TOKEN: Final = Price(
    "Cognito, token of a machine", 2.25, 1_000, "1,000", Standing.QUOTED,
    _COGNITO.format("CUPM2MTokenRequestsFull in cur.vantage-api.com/aws/amazoncognito"),
)  # fmt: skip
COGNITO_CLIENT: Final = Price(
    "Cognito, app client of a machine", 6.00, 1, "client and month", Standing.QUOTED,
    _COGNITO.format("dev.classmethod.jp (Tokyo) and rhythmictech.com"),
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
    API_REQUEST, HTTP_API_REQUEST, LAMBDA_REQUEST, LAMBDA_TIME, LAMBDA_ARM_TIME, READ_UNIT, WRITE_UNIT, STORAGE, BACKUP,
    INFREQUENT_READ_UNIT, INFREQUENT_WRITE_UNIT, INFREQUENT_STORAGE, READ_CAPACITY, WRITE_CAPACITY, S3_STORAGE, S3_PUT,
    S3_GET, ATHENA, KMS_RSA, LOGS, INFREQUENT_LOGS, DATA_OUT, FRONT_REQUEST, FRONT_FUNCTION, EDGE_REQUEST, SNAPSHOT,
    SNAPSHOT_RESTORE, KMS_KEY, ALARM, METRIC, COGNITO_TOKEN, COGNITO_CLIENT, HEALTHLAKE_HOUR, HEALTHLAKE_QUERY,
    HEALTHLAKE_STORAGE, OPENSEARCH_DATA_NODE, OPENSEARCH_MASTER_NODE, OPENSEARCH_STORAGE,
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


def differences(lists: Mapping[str, Mapping[str, Any]], listed: Iterable[Price] = PRICES) -> Iterator[str]:
    """Yield a line for each price that a list states otherwise or does not state; `lists` are by service.

    A list has a price for each tier of volume: the one of its first tier that costs something counts.
    """
    for price in listed:
        if price.line is None:
            yield f"{price.what}: no list of London, {price.dollars:g} for {price.unit} stays as quoted"
            continue
        found = _listed(lists[price.line.offer], price.line.usage_type)
        one = price.dollars / price.per
        if not found:
            yield f"{price.what}: {price.line.usage_type} is not in {price.line.address}"
        elif all(abs(each - one) > one / 1_000_000 for each in found):
            stated = ", ".join(f"{each * price.per:g}" for each in sorted(found))
            yield f"{price.what}: {price.dollars:g} for {price.unit} here, {stated} in {price.line.address}"


def _listed(of_service: Mapping[str, Any], usage_type: str) -> set[float]:
    """Return the prices of a usage type's first tier, of a unit each: there is one for each kind of operation."""
    skus = (sku for sku, each in of_service["products"].items() if each["attributes"].get("usagetype") == usage_type)
    tiers = [
        tier
        for sku in skus
        for term in of_service["terms"]["OnDemand"].get(sku, {}).values()
        for tier in term["priceDimensions"].values()
    ]
    paid = [tier for tier in tiers if float(tier["pricePerUnit"]["USD"])]
    first = min((float(tier["beginRange"]) for tier in paid), default=0.0)
    return {float(tier["pricePerUnit"]["USD"]) for tier in paid if float(tier["beginRange"]) == first}


def _downloaded(offers: Iterable[str]) -> dict[str, Any]:
    found = {}
    for offer in sorted(offers):
        with urllib.request.urlopen(LIST.format(offer), timeout=60) as answer:  # noqa: S310 - a constant of AWS
            found[offer] = json.load(answer)
    return found


def main() -> int:
    """Print the prices that AWS's lists state otherwise; the exit code is 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs.prices", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="download AWS's price lists and compare")
    if not parser.parse_args().check:
        parser.print_help()
        return 0
    found = list(differences(_downloaded({price.line.offer for price in PRICES if price.line})))
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
