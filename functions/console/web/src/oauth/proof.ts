/** The key that a token is bound to, and the proof of it that goes with each request (RFC 9449 §4.2). */

import { base64url, exportJWK, type JWK, SignJWT } from "jose";

/** A pair of keys of WebCrypto, of which nobody can read the private one: neither this page nor who looks into it. */
export class ProofKey {
  /** The nonce that the server has asked for last, empty if for none. It belongs to the key, as both are one token's. */
  nonce = "";
  readonly signs: CryptoKey;
  readonly publicKey: JWK;

  constructor(signs: CryptoKey, publicKey: JWK) {
    this.signs = signs;
    this.publicKey = publicKey;
  }
}

/** A token as a call takes it along. */
export interface HeldToken {
  readonly text: string;
  readonly scheme: "Bearer" | "DPoP";
  /** The key that it is bound to; null for a Bearer token, and once the key was forgotten. */
  readonly key: ProofKey | null;
}

/** Whether a page can make a key: on pages of https, or of this machine, alone. */
export const CAN_PROVE = !("isSecureContext" in globalThis) || globalThis.isSecureContext;

/** Returns a new key, null where the browser makes none. */
export async function newProofKey(): Promise<ProofKey | null> {
  if (!CAN_PROVE) return null;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  return new ProofKey(pair.privateKey, await exportJWK(pair.publicKey));
}

export interface Proven {
  readonly method: string;
  /** As the server itself says it, without query and fragment. */
  readonly url: string;
  /** The token that goes with the request; empty where one is asked for. */
  readonly token: string;
  /** The server's time in epoch milliseconds. */
  readonly now: number;
}

/** Returns a proof for one request. */
export async function proofFor(key: ProofKey, { method, url, token, now }: Proven): Promise<string> {
  const claims = {
    jti: base64url.encode(crypto.getRandomValues(new Uint8Array(16))),
    htm: method,
    htu: url,
    ...(token && { ath: await hashOf(token) }),
    ...(key.nonce && { nonce: key.nonce }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: key.publicKey })
    .setIssuedAt(Math.floor(now / 1000))
    .sign(key.signs);
}

/** Returns a proof's `ath`: the hash of the access token that it goes with. */
export async function hashOf(token: string): Promise<string> {
  const bytes = new TextEncoder().encode(token);
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
