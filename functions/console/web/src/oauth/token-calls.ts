/** The calls of the authorization server: token, introspection, revocation (RFC 6749 §4.4, 7662, 7009). */

import { ask, type Call } from "../service/api.ts";
import { begin, clockSkew } from "../service/session.ts";
import { authenticationOf, type Credential } from "./credential.ts";
import { type HeldToken, newProofKey, type ProofKey } from "./proof.ts";
import { serverMetadata } from "./server-facts.ts";

export interface Granted {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

export interface Wanted {
  /** No scope asks for all that the client is registered for. */
  readonly scope: string;
  /** Whether the token is to be bound to a key of this page. */
  readonly isBound: boolean;
}

/** Asks for a token, and makes the key that it is bound to. Rejects with a `ProblemError`. */
export async function requestToken(
  credential: Credential,
  { scope, isBound }: Wanted,
  signal?: AbortSignal,
): Promise<readonly [HeldToken, Granted]> {
  const key = isBound ? await newProofKey() : null;
  const form = { grant_type: "client_credentials", ...(scope ? { scope } : {}) };
  const granted = JSON.parse(await post("/token", credential, form, signal, key)) as Granted;
  const text = granted.access_token;
  // What was granted counts, and not what was asked for.
  const isProven = key !== null && granted.token_type.toLowerCase() === "dpop";
  return [isProven ? { text, scheme: "DPoP", key } : { text, scheme: "Bearer", key: null }, granted];
}

/** Gets a token and keeps it for all rooms; `knownName` is as in `begin`. Rejects with a `ProblemError`. */
export async function signIn(
  credential: Credential,
  wanted: Wanted,
  knownName: string,
  signal?: AbortSignal,
): Promise<Granted> {
  const [token, granted] = await requestToken(credential, wanted, signal);
  begin(token.text, granted.scope, credential, knownName, token.key);
  return granted;
}

/** Asks what the server knows of a token. */
export async function introspect(token: string, credential: Credential, signal?: AbortSignal): Promise<unknown> {
  return JSON.parse(await post("/introspect", credential, { token }, signal));
}

/** Ends a token; the API may take it for a minute more. */
export async function revoke(token: string, credential: Credential, signal?: AbortSignal): Promise<void> {
  await post("/revoke", credential, { token }, signal);
}

async function post(
  to: string,
  credential: Credential,
  form: Readonly<Record<string, string>>,
  signal?: AbortSignal,
  key: ProofKey | null = null,
): Promise<string> {
  const made = () => callOf(to, credential, form, signal, key);
  return (await ask({ ...(await made()), again: made })).text;
}

async function callOf(
  to: string,
  credential: Credential,
  form: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
  key: ProofKey | null,
): Promise<Call> {
  const audience = credential.kind === "key" ? (await serverMetadata(signal)).issuer : "";
  const { headers, form: proving } = await authenticationOf(credential, audience, Date.now() + clockSkew.value);
  return {
    method: "POST",
    to,
    headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams({ ...form, ...proving }).toString(),
    token: null,
    key,
    signal,
  };
}
