/** Tokens for the tests of the token doctor: right in every respect unless told otherwise. */

import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

import type { ServerFacts } from "../src/oauth/checks.ts";

export const NOW = 1_790_000_000;
export const ROOT = "http://127.0.0.1:3000";

export type Members = Readonly<Record<string, unknown>>;

export async function keyPair(algorithm: string, kid: string): Promise<{ readonly signs: CryptoKey; readonly jwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { signs: privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
}

export const SERVER = await keyPair("RS256", "server-key");
export const CLIENT = await keyPair("ES384", "client-key");

export const FACTS: ServerFacts = {
  issuer: ROOT,
  tokenEndpoint: `${ROOT}/token`,
  fhirBase: `${ROOT}/careconnect-ri/STU3`,
  keys: [SERVER.jwk],
  assertionAlgorithms: ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"],
  now: NOW,
  ahead: 0,
};

/** Signs an access token; a member that is undefined is left out. */
export function accessToken(claims: Members = {}, header: Members = {}, key = SERVER.signs): Promise<string> {
  const whole = {
    iss: ROOT,
    sub: "client-1",
    client_id: "client-1",
    aud: FACTS.fhirBase,
    iat: NOW,
    exp: NOW + 3600,
    jti: "token-1",
    scope: "user/Patient.read profile",
    ...claims,
  };
  return signed(whole, { alg: "RS256", typ: "at+jwt", kid: "server-key", ...header }, key);
}

/** Signs a client assertion; a member that is undefined is left out. */
export function assertion(claims: Members = {}, header: Members = {}, key = CLIENT.signs): Promise<string> {
  const whole = { iss: "me", sub: "me", aud: FACTS.tokenEndpoint, iat: NOW, exp: NOW + 60, jti: "once", ...claims };
  return signed(whole, { alg: "ES384", typ: "JWT", kid: "client-key", ...header }, key);
}

function signed(claims: Members, header: Members, key: CryptoKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header as { alg: string }).sign(key);
}

/** Returns a part of a compact serialization. */
export function segment(members: unknown): string {
  return Buffer.from(JSON.stringify(members)).toString("base64url");
}
