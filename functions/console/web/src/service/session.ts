/** Who the reader is to the service: in the memory of this one page, and gone with it. */

import { computed, signal } from "@preact/signals";

import { type AccessToken, decodeAccessToken } from "../oauth/access-token.ts";
import { shortName } from "../oauth/client-name.ts";
import type { Credential } from "../oauth/credential.ts";

export interface Session {
  readonly token: AccessToken;
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
}

/** Why a session opens nothing any more. */
export type SessionEnd = "expired" | "revoked";

const held = signal<Session | null>(null);
/** How far this machine's clock is behind the server's, in milliseconds. */
export const clockSkew = signal(0);

/** The session, if a token was obtained. It may have expired: the server decides, and `expiresIn` says. */
export const session = computed(() => held.value);

/** Keeps a token for all rooms; raises `TokenError` if it cannot be read. `knownName` is the client's, if the token has none. */
export function begin(accessToken: string, scope: string, credential: Credential | null, knownName = ""): void {
  const token = decodeAccessToken(accessToken);
  const { client_id: id, client_name: name } = token.claims;
  // A pasted token may hold anything.
  const ownName = typeof name === "string" ? name : "";
  const clientName = shortName(ownName || knownName) || id;
  held.value = { token, scope, credential, provenBy: credential?.kind ?? null, clientName, isRevoked: false };
}

/** Remembers that a session's token was revoked, unless there is another session by now. */
export function noteRevocation(one: Session): void {
  if (held.value === one) held.value = { ...one, isRevoked: true };
}

/** Forgets by what a session's token was got, unless there is another session by now. */
export function forgetCredential(one: Session): void {
  if (held.value === one) held.value = { ...one, credential: null };
}

/** Forgets token, secret and key. */
export function end(): void {
  held.value = null;
}

/** Returns why a session has ended, null while its token is good for all that this page knows. */
export function endOf(one: Session, now = Date.now()): SessionEnd | null {
  if (one.isRevoked) return "revoked";
  return expiresIn(one, now) > 0 ? null : "expired";
}

/** Returns the seconds until the token expires by the server's clock, negative after that. */
export function expiresIn(one: Session, now = Date.now()): number {
  return one.token.claims.exp - Math.floor((now + clockSkew.value) / 1000);
}
