/** What was typed and found, type by type: in memory alone, since criteria and answers tell of patients. */

import { effect, signal } from "@preact/signals";

import type { TypeCapability } from "../../fhir/capabilities.ts";
import type { Bundle } from "../../fhir/datatypes.ts";
import type { Outgoing } from "../../service/posted-search.ts";
import { type Session, session } from "../../service/session.ts";
import { emptyForm, type SearchForm } from "./criteria.ts";

export interface Found {
  /** The queries of the pages so far, the present one last: the first as it was typed, the others as the server links them. */
  readonly queries: readonly string[];
  readonly page: Bundle;
}

const forms = signal<Readonly<Record<string, SearchForm>>>({});
const results = signal<Readonly<Record<string, Found>>>({});

/** What tells the last call of a view from others: searches differ in the form that they send. */
export type LastCall = Pick<Outgoing, "url" | "body">;

/** The last call of each view: of a type, and of a resource that is read alone. */
export const lastCalls = signal<Readonly<Record<string, LastCall>>>({});

/** The forms as they are before anything is typed: the same each time that they are drawn. */
const empty = new Map<string, SearchForm>();

export function formOf({ type, searchParam = [] }: TypeCapability): SearchForm {
  const begun = empty.get(type) ?? emptyForm(searchParam);
  empty.set(type, begun);
  return forms.value[type] ?? begun;
}

/** Keeps what is typed for a type; null empties the form. */
export function keepForm(type: string, form: SearchForm | null): void {
  forms.value = changed(forms.value, type, form);
}

export function foundOf(type: string): Found | null {
  return results.value[type] ?? null;
}

/** Keeps what was found of a type, or forgets it. */
export function keepFound(type: string, found: Found | null): void {
  results.value = changed(results.value, type, found);
}

/** Keeps what a view has called last. */
export function keepCall(view: string, call: LastCall): void {
  lastCalls.value = changed(lastCalls.value, view, call);
}

function changed<T>(all: Readonly<Record<string, T>>, type: string, one: T | null): Readonly<Record<string, T>> {
  const others = Object.entries(all).filter(([each]) => each !== type);
  return Object.fromEntries(one === null ? others : [...others, [type, one]]);
}

let holder = holderOf(session.value);

// Another client's token need not open what was found; what was typed is the reader's, until they sign out.
effect(() => {
  const present = holderOf(session.value);
  if (present === holder) return;
  holder = present;
  results.value = {};
  lastCalls.value = {};
  if (!present) forms.value = {};
});

/** Returns what a token's answers depend on: a new token of the same client and scope shows the same. */
function holderOf(one: Session | null): string {
  return one ? [one.token.claims.client_id, one.scope, one.token.claims.patient ?? ""].join(" ") : "";
}
