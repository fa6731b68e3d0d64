/** The service's OpenAPI document, as far as this room shows it: what is referred to stands where it is used. */

import { laidOutXml } from "../../fhir/xml-text.ts";

export interface OpenApi {
  readonly info: { readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: unknown;
}

interface Reference {
  readonly $ref: string;
}

type MayRefer<T> = T | Reference;

export interface Operation {
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** Alternatives: the scopes that each takes together. Empty if the operation takes no token. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  /** Where the service answers it to everybody. */
  readonly externalDocs?: { readonly url: string; readonly description: string };
  readonly parameters?: readonly MayRefer<Parameter>[];
  readonly requestBody?: MayRefer<Body>;
  readonly responses: Readonly<Record<string, MayRefer<Answer>>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description?: string;
  readonly required?: boolean;
  readonly schema: Schema;
  readonly example?: string | number | boolean;
}

export interface Body {
  readonly description?: string;
  readonly required?: boolean;
  readonly content: Content;
}

export interface Answer {
  readonly description: string;
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, unknown>>;
}

export type Content = Readonly<Record<string, Medium>>;

export interface Medium {
  readonly schema: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, MayRefer<{ readonly value: unknown }>>>;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly example?: string | number | boolean;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export interface Group {
  readonly name: string;
  readonly description: string;
  readonly calls: readonly Call[];
}

/** Returns the calls that hold every one of the words in their method, path or summary, by the document's tags. */
export function groupsOf({ tags, paths }: OpenApi, words: string): readonly Group[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const found = calls.filter(({ method, path, operation }) => {
    const text = `${method} ${path} ${operation.summary}`.toLowerCase();
    return wanted.every((each) => text.includes(each));
  });
  return tags
    .map((tag) => ({ ...tag, calls: found.filter(({ operation }) => operation.tags[0] === tag.name) }))
    .filter(({ calls: some }) => some.length > 0);
}

/** Returns what a node refers to, or the node itself if it refers to nothing. */
export function resolved<T extends object>(document_: OpenApi, node: MayRefer<T>): T {
  if (!("$ref" in node) || typeof node.$ref !== "string") return node as T;
  const found = node.$ref
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((at, name) => (at as Readonly<Record<string, unknown>> | undefined)?.[name], document_);
  if (!found) throw new TypeError(`The document refers to ${node.$ref}, which it does not hold.`);
  return resolved(document_, found as MayRefer<T>);
}

export function parametersOf(document_: OpenApi, { parameters = [] }: Operation): readonly Parameter[] {
  return parameters.map((each) => resolved(document_, each));
}

export function bodyOf(document_: OpenApi, { requestBody }: Operation): Body | null {
  return requestBody ? resolved(document_, requestBody) : null;
}

/** Returns the answers by their statuses, the successful ones first, as JSON orders its numbers. */
export function answersOf(document_: OpenApi, { responses }: Operation): readonly (readonly [string, Answer])[] {
  return Object.entries(responses).map(([status, each]) => [status, resolved(document_, each)]);
}

/** Returns a medium's example as text, JSON and XML indented. Empty if there is none. */
export function exampleOf(document_: OpenApi, { example, examples = {} }: Medium): string {
  const [first] = Object.values(examples);
  const value = example ?? (first && resolved(document_, first).value);
  if (value === undefined) return "";
  return typeof value === "string" ? laidOutXml(value) : JSON.stringify(value, null, 2);
}

/** Returns the scopes that open a call, in words with `code` marks; empty if it takes no token. */
export function scopeWords({ security }: Operation): string {
  const ways = security.map((way) => Object.values(way).flat().map((scope) => `\`${scope}\``).join(" and "));
  return ways.join(", or ");
}

/** Returns the name of the schema that is referred to, empty for one that has none. */
export function nameOf({ $ref = "", allOf = [] }: Schema): string {
  const [only] = allOf;
  return only && allOf.length === 1 ? nameOf(only) : ($ref.split("/").at(-1) ?? "");
}

/** Returns what a schema's values are, in a few words: `HumanName, several`. */
export function typeWords(schema: Schema): string {
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map(typeWords).join(" or ");
  if (schema.items) return `${typeWords(schema.items)}, several`;
  return nameOf(schema) || (schema.type ?? "anything");
}

/** Returns the schemas with elements of their own that a schema is, has items of, or is one of. */
export function partsOf(document_: OpenApi, schema: Schema): readonly Schema[] {
  const { items, allOf = [], anyOf = [], oneOf = [] } = schema;
  if (schema.$ref) return partsOf(document_, resolved<Schema>(document_, { $ref: schema.$ref }));
  if (schema.properties) return [schema];
  return [...(items ? [items] : []), ...allOf, ...anyOf, ...oneOf].flatMap((each) => partsOf(document_, each));
}
