"""What each function's role may do, as the contract has it, written by hand and held to in three ways.

The template gives these rights and no others, the emulator's IAM lets each through and denies all else, and every one
of them is used (`access.md`, Rule 6).
"""

# Each right is an action and the logical id of what it is done to.
READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITES = (*READS, *(f"dynamodb:{action}Item" for action in ("Put", "Update", "Delete", "ConditionCheck")))
# A mark is never taken away, nor is there a way to list them.
MARKS = ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")
# What is recorded is inserted, and nothing else: neither overwritten, nor read, nor changed, nor removed.
RECORDS = {("dynamodb:PartiQLInsert", "AuditTable")}
# A write has its events in its own transaction, which takes no statement of another kind.
RECORDS_WITHIN = RECORDS | {("dynamodb:PutItem", "AuditTable")}
STREAM_READS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
GRANTED: dict[str, set[tuple[str, str]]] = {
    "TokenFunction": {
        ("dynamodb:BatchGetItem", "ClientTable"),
        ("dynamodb:BatchGetItem", "TokenTable"),
        ("dynamodb:PutItem", "TokenTable"),
        ("dynamodb:UpdateItem", "TokenTable"),
    }
    | RECORDS,
    "ReadAuthorizerFunction": {("dynamodb:BatchGetItem", "TokenTable")},
    "WriteAuthorizerFunction": {("dynamodb:BatchGetItem", "TokenTable")},
    "PatientRecordFunction": {(action, "RecordTable") for action in READS}
    | {(action, "DirectoryTable") for action in READS}
    | {("dynamodb:UpdateItem", "UsageTable")}
    | RECORDS,
    "DirectoryFunction": {(action, "DirectoryTable") for action in READS}
    | {("dynamodb:UpdateItem", "UsageTable")}
    | RECORDS,
    "RecordWriterFunction": {(action, "RecordTable") for action in WRITES}
    | {(action, "ReferenceTable") for action in MARKS}
    | {(f"dynamodb:{action}", "DirectoryTable") for action in ("BatchGetItem", "GetItem")}
    | RECORDS_WITHIN,
    "DirectoryWriterFunction": {(action, "DirectoryTable") for action in WRITES}
    | {(action, "ReferenceTable") for action in MARKS}
    | RECORDS_WITHIN,
    "AuditFunction": {
        # For the key of its links to next pages, which stands among the events.
        ("dynamodb:GetItem", "AuditTable"),
        ("dynamodb:Query", "AuditTable"),
        ("dynamodb:Query", "AuditTable/by-patient"),
    }
    | RECORDS,
    # What polls the stream does so under this role; the function itself only puts.
    "ArchiverFunction": {
        *((f"dynamodb:{each}", "AuditTable/stream") for each in STREAM_READS),
        ("s3:PutObject", "ArchiveBucket/*"),
    },
    "VerifierFunction": {
        ("dynamodb:Query", "AuditTable"),
        ("s3:ListBucketVersions", "ArchiveBucket"),
        ("s3:GetObjectVersion", "ArchiveBucket/*"),
    }
    | RECORDS,
    # What it, the issuer and the authorizers may do with the signing key says the key's policy.
    "DiscoveryFunction": set(),
    # Nor is it named there, or told of any table: it has the page, and nothing else.
    "ConsoleFunction": set(),
}

KEYS_GRANTED: dict[str, set[tuple[str, str]]] = {
    "TokenFunction": {("kms:Sign", "SigningKey"), ("kms:GetPublicKey", "SigningKey")},
    "ReadAuthorizerFunction": {("kms:GetPublicKey", "SigningKey")},
    "WriteAuthorizerFunction": {("kms:GetPublicKey", "SigningKey")},
    "DiscoveryFunction": {("kms:GetPublicKey", "SigningKey")},
    **{
        function: set()
        for function in (
            *("PatientRecordFunction", "DirectoryFunction", "RecordWriterFunction", "DirectoryWriterFunction"),
            *("AuditFunction", "ArchiverFunction", "VerifierFunction", "ConsoleFunction"),
        )
    },
}
"""What the keys' own policies let each function do with them."""
