/** Who the reader is to the service: in the memory of this one page, and gone with it. */

import { computed, signal } from "@preact/signals";

import { type AccessToken, decodeAccessToken } from "../oauth/access-token.ts";
import { shortName } from "../oauth/client-name.ts";
import type { Credential } from "../oauth/credential.ts";
import type { HeldToken, ProofKey } from "../oauth/proof.ts";

export interface Session {
  readonly token: AccessToken;
  /** How the token goes with a call. */
  readonly scheme: HeldToken["scheme"];
  /** The key that it is bound to; null for a Bearer token, and once it is forgotten. */
  readonly key: ProofKey | null;
  /** By what the token was got, to introspect and revoke it; none for one that was pasted. */
  readonly credential: Credential | null;
  /** The kind of that credential, also after it is forgotten. */
  readonly provenBy: Credential["kind"] | null;
  /** The scope that the answer of /token names. */
  readonly scope: string;
  /** The client's name as people know it, else its id. */
  readonly clientName: string;
  /** Whether this page has revoked the token. */
  readonly isRevoked: boolean;
  /** Whether it has expired and its secrets are forgotten, whatever the clock is found to be later. */
  readonly hasExpired: boolean;
}

/** Why a session opens nothing any more. */
export type SessionEnd = "expired" | "revoked";

const held = signal<Session | null>(null);
/** How far this machine's clock is behind the server's, in milliseconds. */
export const clockSkew = signal(0);

/** The session, if a token was obtained. It may have expired: the server decides, and `expiresIn` says. */
export const session = computed(() => held.value);

/** Returns the session's token as it goes with a call, null without a session. */
export function heldToken(): HeldToken | null {
  const one = held.value;
  return one && { text: one.token.text, scheme: one.scheme, key: one.key };
}

/** Keeps a token for all rooms; raises `TokenError` if it cannot be read. `knownName` is the client's, if the token has none.
 *
 * `key` is what the token is bound to, null for a Bearer token.
 */
export function begin(
  accessToken: string,
  scope: string,
  credential: Credential | null,
  knownName = "",
  key: ProofKey | null = null,
): void {
  const token = decodeAccessToken(accessToken);
  const scheme = key ? "DPoP" : "Bearer";
  const { client_id: id, client_name: name } = token.claims;
  // A pasted token may hold anything.
  const ownName = typeof name === "string" ? name : "";
  const clientName = shortName(ownName || knownName) || id;
  held.value = { token, scheme, key, scope, credential, provenBy: credential?.kind ?? null, clientName, isRevoked: false, hasExpired: false };
}

/** Remembers that a session's token was revoked, unless there is another session by now. */
export function noteRevocation(one: Session): void {
  if (held.value === one) held.value = { ...one, isRevoked: true };
}

/** Ends a session that has expired: forgets by what its token was got, and its key, unless there is another by now. */
export function expire(one: Session): void {
  if (held.value === one) held.value = { ...one, credential: null, key: null, hasExpired: true };
}

/** Forgets token, secret and keys. */
export function end(): void {
  held.value = null;
}

/** Returns why a session has ended, null while its token is good for all that this page knows. */
export function endOf(one: Session, now = Date.now()): SessionEnd | null {
  if (one.isRevoked) return "revoked";
  return expiresIn(one, now) > 0 && !one.hasExpired ? null : "expired";
}

/** Returns the seconds until the token expires by the server's clock, negative after that. */
export function expiresIn(one: Session, now = Date.now()): number {
  return one.token.claims.exp - Math.floor((now + clockSkew.value) / 1000);
}
