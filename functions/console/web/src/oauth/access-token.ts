/** An access token, read without being verified: what it says, for a person (RFC 9068). */

import { decodeJwt, decodeProtectedHeader } from "jose";

export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly client_id: string;
  readonly client_name?: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly scope: string;
  readonly patient?: string;
  /** The key that it is bound to, by its thumbprint (RFC 9449 §6.1). */
  readonly cnf?: { readonly jkt?: string };
}

export interface AccessToken {
  /** The token as it was issued. */
  readonly text: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Claims;
}

/** A text that is no access token of this kind; the message says why. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

/** Returns a token's header and claims; throws `TokenError`. */
export function decodeAccessToken(text: string): AccessToken {
  try {
    const header = decodeProtectedHeader(text);
    const claims = decodeJwt<Claims>(text);
    if (typeof claims.exp !== "number") throw new TypeError("it has no time of expiry");
    if (typeof claims.scope !== "string") throw new TypeError("it names no scopes");
    return { text, header: { ...header }, claims };
  } catch (error) {
    throw new TokenError(`This is no access token: ${error instanceof Error ? error.message : "it cannot be read"}.`);
  }
}

/** What a claim or a member of the header means, in words for who meets it first. */
const MEANINGS: Readonly<Record<string, string>> = {
  alg: "How it is signed.",
  typ: "What it is: an access token, and no client assertion (RFC 9068).",
  kid: "Which of the server's published keys has signed it.",
  iss: "Who issued it: the service itself.",
  sub: "Who it is about: with client credentials, the client.",
  client_id: "The client that it was issued to.",
  client_name: "That client's name, for people.",
  aud: "What it is for: the FHIR API at this address, and nothing else.",
  iat: "When it was issued.",
  exp: "When it ends.",
  jti: "Its own id, by which it can be revoked.",
  scope: "What it opens, type by type.",
  patient: "The one patient whose record its patient/ scopes open.",
  cnf: "The key that it is bound to, by its thumbprint: it opens nothing without a proof of that key.",
  dpop_nonce: "Whether each proof needs a nonce of the server's.",
};

/** Returns what a claim means, empty for one that is not of this service. */
export function meaningOf(claim: string): string {
  return MEANINGS[claim] ?? "";
}

/** Returns a claim's value as it is to be read: times as times, everything else as it is. */
export function readable(claim: string, value: unknown): string {
  if (typeof value === "number" && ["iat", "exp", "nbf"].includes(claim)) {
    return `${new Date(value * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })} (${value})`;
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
