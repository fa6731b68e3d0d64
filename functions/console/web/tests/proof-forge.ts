/** Proofs as `proof-cases.json` describes them: right in every respect unless told otherwise. */

import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";

import { hashOf } from "../src/oauth/proof.ts";
import { type Members, NOW, segment } from "./forge.ts";

export interface ProofCase {
  readonly case: string;
  /** The algorithm of the key that signs, ES256 unless it is said. */
  readonly key?: string;
  /** Another key of that algorithm signs than the one in the header. */
  readonly signedBy?: "another";
  readonly header?: Members;
  /** Members put into the header's jwk. */
  readonly jwk?: Members;
  /** `{ath}` and `{nonce}` stand for the right ones. */
  readonly claims?: Members;
  /** Members of header and claims that are left out. */
  readonly without?: readonly string[];
  /** What becomes of the signed text. */
  readonly wrap?: string;
  readonly method?: string;
  readonly url?: string;
  /** Claims put into the access token; null if there is none, as at /token. */
  readonly token?: Members | null;
  /** The text of the first fault, empty if there is none. */
  readonly fault: string;
  /** The page cannot see that fault. */
  readonly onlyTheServerSees?: boolean;
}

export const URL_OF_CASES = "http://127.0.0.1:3000/careconnect-ri/STU3/Patient/4";

interface Pair {
  readonly signs: CryptoKey;
  readonly jwk: JWK;
}

const pairs = new Map<string, Promise<Pair>>();

function pairOf(algorithm: string, name: string): Promise<Pair> {
  const id = `${algorithm} ${name}`;
  const pair = pairs.get(id) ?? generateKeyPair(algorithm).then(async (made) => ({ signs: made.privateKey, jwk: await exportJWK(made.publicKey) }));
  pairs.set(id, pair);
  return pair;
}

/** Returns the proof of a case and the access token that it goes with, empty if there is none. */
export async function forgedProof(one: ProofCase): Promise<{ readonly proof: string; readonly token: string }> {
  const { key: algorithm = "ES256", without = [], url = URL_OF_CASES } = one;
  const { jwk, signs } = await pairOf(algorithm, "own");
  const bound = { cnf: { jkt: await calculateJwkThumbprint(jwk) }, ...one.token };
  const token = one.token === null ? "" : [segment({ typ: "at+jwt" }), segment(bound), "AA"].join(".");
  const ath = token && (await hashOf(token));
  const filled = (value: unknown) => (typeof value === "string" ? value.replace("{ath}", ath).replace("{nonce}", "any") : value);
  const given = Object.entries(one.claims ?? {}).map(([name, value]) => [name, filled(value)] as const);
  const claims = kept({ htm: "GET", htu: url, jti: "once", iat: NOW, ...(ath && { ath }), ...Object.fromEntries(given) }, without);
  const header = kept({ typ: "dpop+jwt", alg: algorithm, jwk: { ...jwk, ...one.jwk }, ...one.header }, without);
  const [head, body, otherBody] = [segment(header), segment(claims), segment({ ...claims, jti: "another" })];
  const signer = one.signedBy ? (await pairOf(algorithm, one.signedBy)).signs : signs;
  const signature = Buffer.from(await crypto.subtle.sign(SIGNING[algorithm] ?? "", signer, Buffer.from(`${head}.${body}`))).toString("base64url");
  const parts: Readonly<Record<string, string>> = { proof: `${head}.${body}.${signature}`, head, body, otherBody, signature };
  const proof = (one.wrap ?? "{proof}").replace(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? "");
  return { proof, token };
}

/** What WebCrypto needs to know to sign, by the algorithm's name in a JWS. */
const SIGNING: Readonly<Record<string, AlgorithmIdentifier | EcdsaParams | RsaPssParams>> = {
  ES256: { name: "ECDSA", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", saltLength: 32 },
  EdDSA: "Ed25519",
};

function kept(members: Members, without: readonly string[]): Members {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !without.includes(name)));
}
