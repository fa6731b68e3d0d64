/** The OpenAPI document for the viewer, which follows every reference of a schema: FHIR's types refer to each other. */

type Json = Record<string, unknown>;

export interface OpenApi extends Json {
  components: Json & { schemas: Json; examples?: Record<string, { readonly value: unknown }> };
}

/**
 * Cuts each schema below its own elements: what one refers to is an object with the type's name. Puts each example where
 * it is referred to, since the viewer draws a list of one to choose from.
 */
export function forViewer(document_: OpenApi): OpenApi {
  const { schemas, examples = {}, ...others } = document_.components;
  const rest = withExamples({ ...document_, components: others }, examples) as Json & { components: Json };
  return { ...rest, components: { ...rest.components, schemas: cut(schemas) as Json } };
}

function cut(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(cut);
  if (!isObject(node)) return node;
  if ("$ref" in node) return { type: "object", title: nameOf(node) };
  // By a pattern the viewer makes up an example of a thousand letters.
  return Object.fromEntries(Object.entries(node).flatMap(([name, value]) => (name === "pattern" ? [] : [[name, cut(value)]])));
}

function withExamples(node: unknown, examples: NonNullable<OpenApi["components"]["examples"]>): unknown {
  if (Array.isArray(node)) return node.map((each) => withExamples(each, examples));
  if (!isObject(node)) return node;
  const { examples: given, ...rest } = node;
  const found = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, withExamples(value, examples)]));
  if (!isObject(given)) return found;
  const [first] = Object.values(given);
  return { ...found, example: isObject(first) ? examples[nameOf(first)]?.value : undefined };
}

function nameOf(reference: Json): string {
  return String(reference["$ref"]).split("/").at(-1) ?? "";
}

function isObject(node: unknown): node is Json {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}
