/** The compact serialization of a JWS, read as strictly as the server does (RFC 7515 §2; `token_verification.py`). */

import { base64url } from "jose";

import rules from "./server-rules.json" with { type: "json" };

export interface Jws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A text that is no JWS with claims; `message` says why, `remedy` what to do. */
export class JwsError extends Error {
  override readonly name = "JwsError";
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

const LONGEST = rules.token.longest;
const AGAIN = "Copy it again, whole and unchanged.";

/** Returns what an access token or an assertion says, nothing of which is verified; throws `JwsError`. */
export function parsedJws(text: string): Jws {
  const jws = parsedCompact(text, LONGEST);
  if (jws.header["b64"] === false) throw new JwsError("Its header says that the claims are not encoded (b64).", "Leave b64 out.");
  return jws;
}

/** Returns what a text of at most `longest` characters says, nothing of which is verified; throws `JwsError`. */
export function parsedCompact(text: string, longest: number): Jws {
  if (text.length > longest) throw new JwsError(`It has ${text.length} characters; the server reads ${longest}.`, AGAIN);
  const segments = text.split(".");
  if (segments.length === 5) {
    throw new JwsError("It has five parts: it is encrypted (JWE).", "The service takes signed tokens alone, of three parts.");
  }
  if (segments.length !== 3 || segments.includes("")) {
    const found = segments.filter((each) => each !== "").length;
    throw new JwsError(`It has ${found} of the three parts: header, claims, signature.`, `${AGAIN} An unsigned one is never accepted.`);
  }
  const [header, claims] = segments.map(decoded).slice(0, 2).map((bytes, place) => objectIn(bytes, place ? "claims" : "header"));
  if (!header || !claims) throw new JwsError("It has no header and claims.", AGAIN);
  if ("crit" in header) throw new JwsError("Its header has crit: an extension which the server does not know.", "Leave crit out.");
  return { header, claims };
}

/** Returns what a text says as far as it can be read, to recognise it; null if it is nothing like a JWS. */
export function glimpse(text: string): Jws | null {
  const [header, claims] = text.split(".").slice(0, 2).map((segment) => {
    try {
      return objectIn(base64url.decode(segment), "");
    } catch {
      return null;
    }
  });
  return header && claims ? { header, claims } : null;
}

function decoded(segment: string, place: number): Uint8Array {
  const part = ["header", "claims", "signature"][place] ?? "";
  const stray = /[^A-Za-z0-9_-]/.exec(segment)?.[0];
  if (stray !== undefined) {
    const remedy = stray === "=" ? "Leave out the padding." : AGAIN;
    throw new JwsError(`Its ${part} has a character that base64url has not: ${JSON.stringify(stray)}.`, remedy);
  }
  try {
    const bytes = base64url.decode(segment);
    // A last character may carry stray bits: the server takes one spelling of the same bytes.
    if (base64url.encode(bytes) === segment) return bytes;
  } catch {
    // Told below.
  }
  throw new JwsError(`Its ${part} is not base64url: characters are missing or changed.`, AGAIN);
}

function objectIn(bytes: Uint8Array, part: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new JwsError(`Its ${part} cannot be read as JSON.`, AGAIN);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new JwsError(`Its ${part} is no JSON object.`, AGAIN);
  return value as Readonly<Record<string, unknown>>;
}
