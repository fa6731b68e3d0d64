/** The OpenAPI document for the viewer, which follows every reference of a schema: FHIR's types refer to each other. */

type Json = Record<string, unknown>;

export interface OpenApi extends Json {
  components: Json & { schemas: Json };
}

/** Cuts each schema below its own elements: what one refers to is an object with the type's name. */
export function withFlatSchemas(document_: OpenApi): OpenApi {
  const { components } = document_;
  return { ...document_, components: { ...components, schemas: cut(components.schemas) as Json } };
}

function cut(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(cut);
  if (typeof node !== "object" || node === null) return node;
  if ("$ref" in node) return { type: "object", title: String(node.$ref).split("/").at(-1) };
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, cut(value)]));
}
