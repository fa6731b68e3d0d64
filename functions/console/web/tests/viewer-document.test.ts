import assert from "node:assert/strict";
import { test } from "node:test";

import { forViewer } from "../src/rooms/reference/viewer-document.ts";

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

test("a schema keeps its own elements, and what it refers to is an object with the type's name", () => {
  const document_ = {
    openapi: "3.0.3",
    paths: { "/Patient": { schema: reference("Patient") } },
    components: {
      responses: { Found: { schema: reference("Patient") } },
      schemas: {
        Patient: {
          type: "object",
          properties: {
            id: { type: "string", pattern: "^[A-Za-z0-9]{1,64}$" },
            name: { type: "array", items: reference("HumanName") },
            link: { allOf: [reference("Patient")], description: "Another." },
          },
        },
      },
    },
  };

  const flat = forViewer(document_);

  assert.deepEqual(flat.components.schemas, {
    Patient: {
      type: "object",
      properties: {
        id: { type: "string" },
        name: { type: "array", items: { type: "object", title: "HumanName" } },
        link: { allOf: [{ type: "object", title: "Patient" }], description: "Another." },
      },
    },
  });
  assert.deepEqual(flat["paths"], document_.paths);
  assert.deepEqual(flat.components["responses"], document_.components.responses);
});

test("an example stands where it is referred to", () => {
  const patient = { resourceType: "Patient", id: "4" };
  const content = { json: { schema: reference("Patient"), examples: { sample: { $ref: "#/components/examples/Patient" } } } };

  const shown = forViewer({
    paths: { "/Patient": { get: { responses: { 200: { content } } } } },
    components: { schemas: {}, examples: { Patient: { value: patient } }, responses: { PatientFound: { content } } },
  });

  const json = { schema: reference("Patient"), example: patient };
  assert.deepEqual(shown["paths"], { "/Patient": { get: { responses: { 200: { content: { json } } } } } });
  assert.deepEqual(shown.components, { schemas: {}, responses: { PatientFound: { content: { json } } } });
});
