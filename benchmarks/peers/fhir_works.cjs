// FHIR Works on AWS: its router as its own deployment hands it to Lambda, over its own store in DynamoDB, whose answer
// is given where the network would begin. It checks no token: its own stub of an authorization, which takes no time.
"use strict";
const { BASE_STU3_RESOURCES, stubs } = require("fhir-works-on-aws-interface");
const { DynamoDb, DynamoDbDataService } = require("fhir-works-on-aws-persistence-ddb");
const { generateServerlessRouter } = require("fhir-works-on-aws-routing");
const serverless = require("serverless-http");
const { answer } = require("./answering.cjs");

const VERSION = "3.0.1";

const handler = serverless(
  generateServerlessRouter(
    {
      configVersion: 1.0,
      productInfo: { orgName: "A benchmark" },
      auth: { strategy: { service: "OAuth", oauthPolicy: {} }, authorization: stubs.passThroughAuthz },
      server: { url: "https://care.example" },
      validators: [],
      profile: {
        fhirVersion: VERSION,
        systemOperations: [],
        systemSearch: stubs.search,
        systemHistory: stubs.history,
        bundle: stubs.bundle,
        genericResource: {
          operations: ["read", "vread", "search-type"],
          fhirVersions: [VERSION],
          persistence: new DynamoDbDataService(DynamoDb),
          typeSearch: stubs.search,
          typeHistory: stubs.history,
        },
      },
    },
    BASE_STU3_RESOURCES,
  ),
);

let event;

answer({
  prepare: ({ event: asked, resource }) => {
    event = asked;
    const { Readable } = require("node:stream");
    const AWS = require("aws-sdk");
    const item = AWS.DynamoDB.Converter.marshall({ ...resource, vid: 1, documentStatus: "AVAILABLE", lockEndTs: 0 });
    const body = Buffer.from(JSON.stringify({ Count: 1, Items: [item], ScannedCount: 1 }));
    const headers = { "content-type": "application/x-amz-json-1.0", "content-length": String(body.length) };
    AWS.HttpClient.getInstance().constructor.prototype.handleRequest = (_request, _options, callback) => {
      const stream = Object.assign(Readable.from([body], { objectMode: false }), { statusCode: 200, headers });
      callback(stream);
      stream.emit("headers", 200, headers, "OK");
      return stream;
    };
  },
  ask: () => handler(event, {}),
  steps: {
    call: async () => {
      const { statusCode } = await handler(event, {});
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
    },
  },
});
