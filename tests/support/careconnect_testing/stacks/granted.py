"""The rights of each function's role according to the contract, written by hand and checked in three ways.

The template grants these rights and no others, the emulator's IAM allows each and denies all others, and every one of
them is used (`access.md`, Rule 6).
"""

# Each right is an action and the logical id of its resource.
READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITES = (*READS, *(f"dynamodb:{action}Item" for action in ("Put", "Update", "Delete", "ConditionCheck")))
# A reference count is never deleted, and nothing may list them.
MARKS = ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")
# An audit event may only be inserted: not overwritten, read, changed or deleted.
RECORDS = {("dynamodb:PartiQLInsert", "AuditTable")}
# A proof is put, and nothing of the table is read but the one key of its nonces.
PROVES = {("dynamodb:PutItem", "ProofTable"), ("dynamodb:GetItem", "ProofTable/nonce-key")}
# A write stores its events in its own transaction, which takes no PartiQL statement.
RECORDS_WITHIN = RECORDS | {("dynamodb:PutItem", "AuditTable")}
STATE_TABLES = ("TransactionTable", "DirectoryTransactionTable")
# A request that meets multi-step writes looks up their states, or lists all.
SNAPSHOTS = {(f"dynamodb:{action}", table) for action in ("BatchGetItem", "Query") for table in STATE_TABLES}
# A writer looks how any has ended. It begins its own, and aborts those that were cut off, in the table of its role
# alone: of the other it only checks that a write is pending, or not aborted by the other role.
STATES = {("dynamodb:GetItem", table) for table in STATE_TABLES}
BEGINS = ("dynamodb:PutItem", "dynamodb:UpdateItem")
CHECKS = "dynamodb:ConditionCheckItem"
STREAM_READS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
GRANTED: dict[str, set[tuple[str, str]]] = {
    "TokenFunction": {
        ("dynamodb:BatchGetItem", "ClientTable"),
        ("dynamodb:BatchGetItem", "TokenTable"),
        ("dynamodb:PutItem", "TokenTable"),
        ("dynamodb:UpdateItem", "TokenTable"),
    }
    | PROVES
    | RECORDS,
    "ReadAuthorizerFunction": {("dynamodb:BatchGetItem", "TokenTable")},
    "WriteAuthorizerFunction": {("dynamodb:BatchGetItem", "TokenTable")},
    "PatientRecordFunction": {(action, "RecordTable") for action in READS}
    | SNAPSHOTS
    | {(action, "DirectoryTable") for action in READS}
    | {("dynamodb:UpdateItem", "UsageTable")}
    | PROVES
    | RECORDS,
    "DirectoryFunction": {(action, "DirectoryTable") for action in READS}
    | SNAPSHOTS
    | {("dynamodb:UpdateItem", "UsageTable")}
    | PROVES
    | RECORDS,
    "RecordWriterFunction": {(action, "RecordTable") for action in WRITES}
    | STATES
    | {(action, "TransactionTable") for action in BEGINS}
    | {(CHECKS, "DirectoryTransactionTable")}
    | {(action, "ReferenceTable") for action in MARKS}
    | {(f"dynamodb:{action}", "DirectoryTable") for action in ("BatchGetItem", "GetItem")}
    | {("dynamodb:UpdateItem", "UsageTable")}
    | PROVES
    | RECORDS_WITHIN,
    "DirectoryWriterFunction": {(action, "DirectoryTable") for action in WRITES}
    | STATES
    | {(action, "DirectoryTransactionTable") for action in BEGINS}
    | {(CHECKS, "TransactionTable")}
    | {(action, "ReferenceTable") for action in MARKS}
    | {("dynamodb:UpdateItem", "UsageTable")}
    | PROVES
    | RECORDS_WITHIN,
    # What both readers and both writers may.
    "BundleFunction": {(action, table) for action in WRITES for table in ("RecordTable", "DirectoryTable")}
    | SNAPSHOTS
    | STATES
    | {(action, table) for action in (*BEGINS, CHECKS) for table in STATE_TABLES}
    | {(action, "ReferenceTable") for action in MARKS}
    | {("dynamodb:UpdateItem", "UsageTable")}
    | PROVES
    | RECORDS_WITHIN,
    "RecoveryFunction": {
        (f"dynamodb:{action}", table)
        for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem")
        for table in ("RecordTable", "DirectoryTable")
    }
    | {(action, "ReferenceTable") for action in MARKS}
    | {(f"dynamodb:{action}", table) for action in ("Query", "UpdateItem", "DeleteItem") for table in STATE_TABLES},
    "AuditFunction": {
        # For the key of its next links, which is stored among the events.
        ("dynamodb:GetItem", "AuditTable"),
        ("dynamodb:BatchGetItem", "AuditTable"),
        ("dynamodb:Query", "AuditTable"),
        ("dynamodb:Query", "AuditTable/by-patient-2"),
        ("dynamodb:UpdateItem", "UsageTable"),
    }
    | PROVES
    | RECORDS,
    # Its jobs, the engine and the worker; it reads no record.
    "ExportFunction": {
        *(
            (f"dynamodb:{action}", "ExportTable")
            for action in ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem")
        ),
        ("states:StartExecution", "ExportMachine"),
        ("lambda:InvokeFunction", "ExportWorkerFunction"),
        ("dynamodb:BatchGetItem", "TokenTable"),
        ("dynamodb:UpdateItem", "UsageTable"),
    }
    | PROVES
    | RECORDS,
    "ExportFileFunction": {
        ("dynamodb:GetItem", "ExportTable"),
        ("dynamodb:BatchGetItem", "TokenTable"),
        ("s3:GetObject", "ExportBucket/*/files/*"),
    }
    | PROVES
    | RECORDS,
    # It reads records and changes none.
    "ExportWorkerFunction": {(action, table) for action in READS for table in ("RecordTable", "DirectoryTable")}
    | STATES
    | {
        # For the commands of operators that are under way.
        ("dynamodb:Query", "TransactionTable"),
        *((f"dynamodb:{action}", "ExportTable") for action in ("GetItem", "Query", "PutItem", "UpdateItem")),
        *((f"dynamodb:{action}", "ExportTable") for action in ("DeleteItem", "BatchWriteItem")),
        *((f"s3:{action}Object", "ExportBucket/*") for action in ("Put", "Get", "Delete")),
        ("s3:ListBucket", "ExportBucket"),
        ("dynamodb:BatchGetItem", "TokenTable"),
    }
    | RECORDS,
    # Lambda polls the stream under this role; the function itself only puts objects.
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
    # Its rights to the signing key, like those of the issuer and the authorizers, are in the key's policy.
    "DiscoveryFunction": set(),
    # The key's policy does not name it, and it knows no table: it has the page, and nothing else.
    "ConsoleFunction": set(),
}

KEYS_GRANTED: dict[str, set[tuple[str, str]]] = {
    "TokenFunction": {("kms:Sign", "SigningKey"), ("kms:GetPublicKey", "SigningKey")},
    "ReadAuthorizerFunction": {("kms:GetPublicKey", "SigningKey")},
    "WriteAuthorizerFunction": {("kms:GetPublicKey", "SigningKey")},
    "DiscoveryFunction": {("kms:GetPublicKey", "SigningKey")},
    # By way of S3 alone.
    "ExportFileFunction": {("kms:Decrypt", "ExportKey")},
    "ExportWorkerFunction": {("kms:Decrypt", "ExportKey"), ("kms:GenerateDataKey", "ExportKey")},
    **{
        function: set()
        for function in (
            *("PatientRecordFunction", "DirectoryFunction", "RecordWriterFunction", "DirectoryWriterFunction"),
            *("BundleFunction", "AuditFunction", "ArchiverFunction", "VerifierFunction", "ConsoleFunction"),
            *("RecoveryFunction", "ExportFunction"),
        )
    },
}
"""The rights that the keys' own policies grant to each function."""
