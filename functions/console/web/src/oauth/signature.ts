/** Which key of a set a token names, and whether that key has signed it (RFC 7517 §4.2-4.4). */

import { base64url, compactVerify, importJWK, type JWK } from "jose";

import { type Check, quoted, right, skipped, unseen, wrong } from "./checks.ts";
import rules from "./server-rules.json" with { type: "json" };

const SMALLEST_RSA_KEY = rules.assertion.smallestRsaKey;

/** Returns the key called `kid` that is fit for verifying with `algorithm`, or why none of the set is. */
export function fittingKey(keys: readonly JWK[], kid: string, algorithm: string): JWK | string {
  const named = keys.filter((each) => each.kid === kid);
  if (!named.length) return `${quoted(kid)} is none of the keys: ${keys.map((each) => each.kid ?? "one without kid").join(", ") || "there are none"}.`;
  const found = named.find((each) => !unfitness(each, algorithm));
  return found ?? unfitness(named[0] ?? {}, algorithm);
}

function unfitness(key: JWK, algorithm: string): string {
  if ((key.alg ?? algorithm) !== algorithm) return `The key is for ${quoted(key.alg)}, not for ${algorithm}.`;
  if ((key.use ?? "sig") !== "sig") return `The key is for ${quoted(key.use)}, not for signing.`;
  if (!(key.key_ops ?? ["verify"]).includes("verify")) return "The key's key_ops do not hold verify.";
  return "";
}

/** Returns the check of a signature against a key; `remedy` is what helps if it is of another key. */
export async function signatureCheck(text: string, key: JWK, algorithm: string, remedy: string): Promise<Check> {
  const bits = key.n === undefined ? SMALLEST_RSA_KEY : bitsOf(key.n);
  if (bits < SMALLEST_RSA_KEY) return wrong("signature", `The key has ${bits} bits.`, `Register an RSA key of ${SMALLEST_RSA_KEY} bits at least.`);
  if ("isSecureContext" in globalThis && !globalThis.isSecureContext) return unseen("signature", "A browser verifies signatures on pages of https, or of this machine, alone.");
  let imported;
  try {
    imported = await importJWK(key, algorithm);
  } catch {
    return wrong("signature", `The key called ${quoted(key.kid)} cannot verify ${algorithm}.`, "Sign with the algorithm of the key's own kind.");
  }
  try {
    await compactVerify(text, imported, { algorithms: [algorithm] });
    return right("signature", `Made with ${algorithm} by the key called ${quoted(key.kid)}.`);
  } catch {
    return wrong("signature", `The key called ${quoted(key.kid)} has not signed this text.`, remedy);
  }
}

export const NO_KEY = skipped("signature", "There is no key to verify it with.");

/** Returns the bits of a base64url number. */
export function bitsOf(modulus: string): number {
  const bytes = base64url.decode(modulus);
  const first = bytes.findIndex((each) => each !== 0);
  return first < 0 ? 0 : (bytes.length - first - 1) * 8 + (32 - Math.clz32(bytes[first] ?? 0));
}
