import assert from "node:assert/strict";
import { test } from "node:test";

import { answersOf, bodyOf, exampleOf, groupsOf, type OpenApi, type Operation, parametersOf, partsOf, scopeWords, typeWords } from "../src/rooms/reference/openapi.ts";
import { acceptable, begun, FORM, requestOf } from "../src/rooms/reference/request.ts";

const at = (place: string) => ({ $ref: `#/components/${place}` });

const read: Operation = {
  tags: ["Patient"],
  operationId: "readPatient",
  summary: "Read a Patient",
  security: [{ clientCredentials: ["user/*.r"] }, { clientCredentials: ["patient/*.u", "patient/*.r"] }],
  parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" }, example: "4" }, at("parameters/pretty")],
  responses: { 404: { description: "None." }, 200: at("responses/Found") },
};
const token: Operation = {
  tags: ["OAuth"],
  operationId: "issueToken",
  summary: "Obtain a token",
  security: [],
  requestBody: { content: { [FORM]: { schema: { properties: { scope: { type: "string" } } } } } },
  responses: { 200: { description: "It." } },
};
const document_: OpenApi = {
  info: { description: "" },
  tags: [{ name: "OAuth", description: "" }, { name: "Patient", description: "" }, { name: "Goal", description: "" }],
  paths: { "/Patient/{id}": { get: read, put: { ...read, summary: "Replace a Patient" } }, "/token": { post: token } },
  components: {
    parameters: { pretty: { name: "_pretty", in: "query", schema: { type: "string" } } },
    responses: {
      Found: {
        description: "The Patient.",
        content: {
          json: { schema: at("schemas/Patient"), examples: { sample: at("examples/Patient") } },
          xml: { schema: { type: "string" }, example: "<Patient/>" },
        },
      },
    },
    examples: { Patient: { value: { id: "4" } } },
    schemas: {
      Patient: { properties: { link: { type: "array", items: at("schemas/Patient") }, name: { allOf: [at("schemas/HumanName")] } } },
      HumanName: { properties: { family: { type: "string" } } },
    },
  },
};
const call = { method: "GET", path: "/Patient/{id}", operation: read };

test("calls stand in the document's groups, and are found by every one of the words", () => {
  const found = (words: string) => groupsOf(document_, words).map(({ name, calls }) => [name, calls.map((each) => each.method)]);

  assert.deepEqual(found(""), [["OAuth", ["POST"]], ["Patient", ["GET", "PUT"]]]);
  assert.deepEqual(found("put  patient"), [["Patient", ["PUT"]]]);
  assert.deepEqual(found("put token"), []);
});

test("what an operation refers to stands in its place, the successful answer first", () => {
  assert.deepEqual(parametersOf(document_, read).map(({ name }) => name), ["id", "_pretty"]);
  assert.deepEqual(answersOf(document_, read).map(([status, { description }]) => [status, description]), [["200", "The Patient."], ["404", "None."]]);
  assert.equal(bodyOf(document_, read), null);
  assert.throws(() => parametersOf(document_, { ...read, parameters: [at("parameters/none")] }), /does not hold/);
});

test("an example is text: JSON indented, XML as it is, none empty", () => {
  const [[, answer] = []] = answersOf(document_, read);
  const { json, xml } = answer?.content ?? {};

  assert.ok(json && xml);
  assert.equal(exampleOf(document_, json), '{\n  "id": "4"\n}');
  assert.equal(exampleOf(document_, xml), "<Patient/>");
  assert.equal(exampleOf(document_, { schema: {} }), "");
});

test("scopes that go together are told apart from those that are alternatives", () => {
  assert.equal(scopeWords(read), "`user/*.r`, or `patient/*.u` and `patient/*.r`");
  assert.equal(scopeWords(token), "");
});

test("a schema that refers to itself has its elements, one level at a time", () => {
  const [patient] = partsOf(document_, at("schemas/Patient"));
  const { link = {}, name = {} } = patient?.properties ?? {};

  assert.deepEqual([typeWords(link), typeWords(name), typeWords({})], ["Patient, several", "HumanName", "anything"]);
  assert.deepEqual(partsOf(document_, link), [patient]);
  assert.deepEqual(Object.keys(partsOf(document_, name)[0]?.properties ?? {}), ["family"]);
});

test("a request holds what was filled in at its place, and nothing for an empty field", () => {
  const parameters = parametersOf(document_, read);
  const fields = begun(parameters, null, acceptable(answersOf(document_, read))[0] ?? "");
  assert.deepEqual(fields.values, { "path id": ["4"] });

  const filled = { ...fields, values: { "path id": ["a/b"], "query _pretty": ["true", ""] } };
  assert.deepEqual(requestOf(call, parameters, filled), {
    method: "GET",
    to: "/Patient/a%2Fb?_pretty=true",
    headers: { Accept: "json" },
  });
});

test("a form goes as a form, without a token where none is taken", () => {
  const fields = { ...begun([], bodyOf(document_, token), ""), form: { scope: "user/*.r", client_id: "" } };

  assert.deepEqual(requestOf({ method: "POST", path: "/token", operation: token }, [], fields), {
    method: "POST",
    to: "/token",
    headers: { "Content-Type": FORM },
    body: "scope=user%2F*.r",
    token: null,
  });
});
