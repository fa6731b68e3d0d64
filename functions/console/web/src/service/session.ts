/** Who the reader is to the service: in the memory of this one page, and gone with it. */

import { computed, signal } from "@preact/signals";

import { type AccessToken, decodeAccessToken } from "../oauth/access-token.ts";
import type { Credential } from "../oauth/credential.ts";

export interface Session {
  readonly token: AccessToken;
  /** By what the token was got, to introspect and revoke it; none for one that was pasted. */
  readonly credential: Credential | null;
  /** The scope that the answer of /token names. */
  readonly scope: string;
}

const held = signal<Session | null>(null);
/** How far this machine's clock is behind the server's, in milliseconds. */
export const clockSkew = signal(0);

/** The session, if a token was obtained. It may have expired: the server decides, and `expiresIn` says. */
export const session = computed(() => held.value);

/** Keeps a token for all rooms; raises `TokenError` if it cannot be read. */
export function begin(accessToken: string, scope: string, credential: Credential | null): void {
  held.value = { token: decodeAccessToken(accessToken), scope, credential };
}

/** Forgets token, secret and key. */
export function end(): void {
  held.value = null;
}

/** Returns the seconds until the token expires by the server's clock, negative after that. */
export function expiresIn(one: Session, now = Date.now()): number {
  return one.token.claims.exp - Math.floor((now + clockSkew.value) / 1000);
}
