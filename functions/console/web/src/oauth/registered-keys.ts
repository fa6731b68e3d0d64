/** A client's registered public keys, as its owner pastes them. */

import type { JWK } from "jose";

import { KeyError } from "./private-key.ts";

/** Returns the keys of a JWK Set, or the one of a JWK; throws `KeyError`. What is private is never taken. */
export function registeredKeys(text: string): readonly JWK[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeyError("This is no JSON: paste a JWK Set, or one JWK.");
  }
  const keys: unknown = isObject(value) && "keys" in value ? value["keys"] : [value];
  if (!Array.isArray(keys) || !keys.every(isKey)) throw new KeyError("This is no JWK Set: its keys need kty each.");
  if (!keys.length) throw new KeyError("This set has no key.");
  return keys;
}

function isKey(value: unknown): value is JWK {
  return isObject(value) && typeof value["kty"] === "string" && value["kty"] !== "oct" && !("d" in value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
