// FHIR Works on AWS over its own store in DynamoDB, whose answer is given in the process, where the network would begin.
"use strict";
const { answer } = require("./answering.cjs");
const { handlerOver, subjectOf } = require("./fhir_works.cjs");
const { DynamoDb, DynamoDbDataService } = require("fhir-works-on-aws-persistence-ddb");

const handler = handlerOver(new DynamoDbDataService(DynamoDb));

answer(
  subjectOf(handler, (resource) => {
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
  }),
);
