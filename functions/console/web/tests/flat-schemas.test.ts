import assert from "node:assert/strict";
import { test } from "node:test";

import { withFlatSchemas } from "../src/rooms/reference/flat-schemas.ts";

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
            id: { type: "string" },
            name: { type: "array", items: reference("HumanName") },
            link: { allOf: [reference("Patient")], description: "Another." },
          },
        },
      },
    },
  };

  const flat = withFlatSchemas(document_);

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
