/** The calls of the authorization server: token, introspection, revocation (RFC 6749 §4.4, 7662, 7009). */

import { ask } from "../service/api.ts";
import { begin, clockSkew } from "../service/session.ts";
import { type Credential, proofOf } from "./credential.ts";
import { serverMetadata } from "./server-facts.ts";

export interface Granted {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** Asks for a token; no scope asks for all that the client is registered for. Rejects with a `ProblemError`. */
export async function requestToken(credential: Credential, scope: string, signal?: AbortSignal): Promise<Granted> {
  const form = { grant_type: "client_credentials", ...(scope ? { scope } : {}) };
  return JSON.parse(await post("/token", credential, form, signal)) as Granted;
}

/** Gets a token and keeps it for all rooms; `knownName` is as in `begin`. Rejects with a `ProblemError`. */
export async function signIn(
  credential: Credential,
  scope: string,
  knownName: string,
  signal?: AbortSignal,
): Promise<Granted> {
  const granted = await requestToken(credential, scope, signal);
  begin(granted.access_token, granted.scope, credential, knownName);
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
): Promise<string> {
  const audience = credential.kind === "key" ? (await serverMetadata(signal)).token_endpoint : "";
  const proof = await proofOf(credential, audience, Date.now() + clockSkew.value);
  const answer = await ask({
    method: "POST",
    to,
    headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded", ...proof.headers },
    body: new URLSearchParams({ ...form, ...proof.form }).toString(),
    withToken: false,
    signal,
  });
  return answer.text;
}
