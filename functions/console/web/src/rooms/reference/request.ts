/** The request that the fields of a call make. */

import type { Call as Sending } from "../../service/api.ts";
import type { Answer, Body, Call, Parameter, Schema } from "./openapi.ts";

export const FORM = "application/x-www-form-urlencoded";

export interface Filled {
  /** What stands in each parameter's field, by `keyOf`; several values are of one that may be repeated. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** The body's media type, empty without a body. */
  readonly medium: string;
  readonly body: string;
  /** What stands in each field of a form, by its name. */
  readonly form: Readonly<Record<string, string>>;
  /** The media type that is asked for. */
  readonly accept: string;
}

/** Tells a parameter's field from those of the same name elsewhere in the request. */
export function keyOf({ in: place, name }: Parameter): string {
  return `${place} ${name}`;
}

/** Returns the fields as they are before anything is typed: what a call cannot do without stands there as an example. */
export function begun(parameters: readonly Parameter[], body: Body | null, accept: string): Filled {
  const needed = parameters.filter((each) => each.required && each.example !== undefined);
  const values = Object.fromEntries(needed.map((each) => [keyOf(each), [String(each.example)]]));
  return { values, medium: Object.keys(body?.content ?? {})[0] ?? "", body: "", form: {}, accept };
}

/** Returns the request of a call; a field that is left empty goes along in no part of it. */
export function requestOf(call: Call, parameters: readonly Parameter[], filled: Filled): Sending {
  const given = (place: Parameter["in"]) =>
    parameters
      .filter((each) => each.in === place)
      .flatMap((each) => (filled.values[keyOf(each)] ?? []).map((value) => [each.name, value] as const))
      .filter(([, value]) => value !== "");
  const path = given("path").reduce((to, [name, value]) => to.replace(`{${name}}`, encodeURIComponent(value)), call.path);
  const query = encoded(given("query"));
  const body = filled.medium === FORM ? encoded(Object.entries(filled.form).filter(([, value]) => value !== "")) : filled.body;
  return {
    method: call.method,
    to: query ? `${path}?${query}` : path,
    headers: {
      ...(filled.accept && { Accept: filled.accept }),
      ...(body && { "Content-Type": filled.medium }),
      ...Object.fromEntries(given("header")),
    },
    ...(body && { body }),
    ...(call.operation.security.length === 0 && { token: null }),
  };
}

/** Returns the media types that a call may be answered in, as its first answer with a body has them. */
export function acceptable(answers: readonly (readonly [string, Answer])[]): readonly string[] {
  return Object.keys(answers.find(([, { content }]) => content)?.[1].content ?? {});
}

/** Returns the fields of a form's schema: name and schema. */
export function formFields(schema: Schema): readonly (readonly [string, Schema])[] {
  return Object.entries(schema.properties ?? {});
}

function encoded(pairs: readonly (readonly [string, string])[]): string {
  return new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();
}
