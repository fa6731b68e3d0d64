// FHIR Works on AWS: its router as its own deployment hands it to Lambda, over the store that is given. It asks nobody for
// a token and may show everything to everyone: its own stub of an authorization, which costs it nothing.
"use strict";
const { BASE_STU3_RESOURCES, stubs } = require("fhir-works-on-aws-interface");
const { generateServerlessRouter } = require("fhir-works-on-aws-routing");
const serverless = require("serverless-http");

const VERSION = "3.0.1";

exports.handlerOver = (persistence) => {
  const configuration = {
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
        persistence,
        typeSearch: stubs.search,
        typeHistory: stubs.history,
      },
    },
  };
  return serverless(generateServerlessRouter(configuration, BASE_STU3_RESOURCES));
};

// The parts of a subject: the resource comes first, put where the store finds it; then it is read with the event.
exports.subjectOf = (handler, put) => {
  let event;
  return {
    prepare: ({ event: asked, resource }) => {
      event = asked;
      put(resource);
    },
    ask: () => handler(event, {}),
    steps: {
      call: async () => {
        const { statusCode } = await handler(event, {});
        if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
      },
    },
  };
};
