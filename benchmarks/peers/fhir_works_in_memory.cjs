// FHIR Works on AWS over a store that holds parsed resources in memory: no database, no client of one.
"use strict";
const { answer } = require("./answering.cjs");
const { handlerOver, subjectOf } = require("./fhir_works.cjs");

const resources = new Map();
const handler = handlerOver({
  readResource: async ({ resourceType, id }) => ({
    message: "Resource found",
    resource: resources.get(`${resourceType}/${id}`),
  }),
});

answer(subjectOf(handler, (resource) => resources.set(`${resource.resourceType}/${resource.id}`, resource)));
