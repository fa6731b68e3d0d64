/** How a client proves itself: with a secret, or with a private key that signs an assertion in this page. */

import { base64url, SignJWT } from "jose";

import type { PrivateKey } from "./private-key.ts";

export interface SecretCredential {
  readonly kind: "secret";
  readonly clientId: string;
  readonly secret: string;
}

export interface KeyCredential {
  readonly kind: "key";
  readonly clientId: string;
  readonly key: PrivateKey;
}

export type Credential = SecretCredential | KeyCredential;

/** Five minutes are allowed (oauth.md); a minute is enough for one call, whatever the clocks say. */
const ASSERTION_SECONDS = 60;
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

export interface Authentication {
  readonly headers: Readonly<Record<string, string>>;
  readonly form: Readonly<Record<string, string>>;
}

/** Returns what a request to the token endpoint or its neighbours carries to prove the client (RFC 6749 §2.3.1, 7523 §2.2).
 *
 * `audience` is the server's issuer, which the assertions of every client may name, `now` the server's time in epoch milliseconds.
 */
export async function authenticationOf(credential: Credential, audience: string, now: number): Promise<Authentication> {
  if (credential.kind === "secret") {
    const pair = `${formEncoded(credential.clientId)}:${formEncoded(credential.secret)}`;
    return { headers: { Authorization: `Basic ${btoa(pair)}` }, form: {} };
  }
  const { clientId, key } = credential;
  const seconds = Math.floor(now / 1000);
  const assertion = await new SignJWT({ jti: base64url.encode(crypto.getRandomValues(new Uint8Array(16))) })
    .setProtectedHeader({ alg: key.algorithm, typ: "JWT", kid: key.kid })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + ASSERTION_SECONDS)
    .sign(key.key);
  return { headers: {}, form: { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion } };
}

/** Encodes one half of a Basic pair as a form does (RFC 6749 §2.3.1), so that it is ASCII and has no colon. */
function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
