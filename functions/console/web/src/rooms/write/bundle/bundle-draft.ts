/** The Bundle that is being written: kept while one looks elsewhere or gets another token, gone with the session. */

import { effect, signal } from "@preact/signals";

import { session } from "../../../service/session.ts";
import type { Rights } from "../rights.ts";
import { needsPatient, starterOf } from "../starters.ts";

interface BundleDraft {
  readonly text: string;
  /** What the server has answered last; empty before. */
  readonly sent: string;
}

const held = signal<BundleDraft | null>(null);

effect(() => {
  if (!session.value) held.value = null;
});

/** Returns the text that was typed; null before anything was. */
export function typedBundle(): string | null {
  return held.value?.text ?? null;
}

export function typeBundle(text: string): void {
  held.value = { text, sent: held.value?.sent ?? "" };
}

/** Notes that a text was sent and answered. */
export function noteSent(sent: string): void {
  held.value = { text: held.value?.text ?? sent, sent };
}

/** Forgets what was typed. */
export function forgetBundle(): void {
  held.value = null;
}

/** Returns whether something was typed that was not sent. */
export function isUnsent(): boolean {
  return held.value !== null && held.value.text !== held.value.sent;
}

/** Returns the Bundle that one begins with: a resource that the token may create, if there is one, and a search. */
export function starterBundle(rights: readonly Rights[], bound: string | undefined, today: string): string {
  const own = rights.find(({ mayCreate, type }) => mayCreate && (bound !== undefined || !needsPatient(type.name)));
  const type = own?.type.name ?? "Patient";
  const search = { request: { method: "GET", url: `${type}?_count=1` } };
  const creation = own && {
    resource: JSON.parse(starterOf(type, bound ?? null, today)) as object,
    request: { method: "POST", url: type },
  };
  return JSON.stringify({ resourceType: "Bundle", type: "batch", entry: creation ? [creation, search] : [search] }, null, 2);
}
