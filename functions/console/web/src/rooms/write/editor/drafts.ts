/** What is being written, place by place: kept while one looks elsewhere or gets another token, gone with the session. */

import { effect, signal } from "@preact/signals";

import { session } from "../../../service/session.ts";
import type { Stored } from "../calls.ts";
import type { Format } from "../formats.ts";

/** A resource, or a new one of a type: about a patient, where it is about one. */
export interface DraftPlace {
  readonly type: string;
  /** Null of a new one. */
  readonly id: string | null;
  /** The id of the patient whose record it belongs to, as far as that was chosen; null otherwise. */
  readonly patient: string | null;
}

export interface Draft extends DraftPlace {
  readonly format: Format;
  /** As it stands in the editor. */
  readonly text: string;
  /** What it was read or saved as; of a new one, the text that it began as. */
  readonly origin: string;
  /** The JSON that a new one began as; empty of others. */
  readonly start: string;
  /** As in `NewResource`. */
  readonly once: string | null;
  /** The version that it is to replace; null of a new one, and of one that is brought back. */
  readonly version: string | null;
  readonly modified: string;
  readonly isDeleted: boolean;
  /** A sentence about what was done with it last, empty if nothing was. */
  readonly outcome: string;
  /** Another one each time that the text was not typed, but put there: only then the editor takes it over. */
  readonly revision: number;
}

const held = signal<ReadonlyMap<string, Draft>>(new Map());

effect(() => {
  if (!session.value) held.value = new Map();
});

/** Returns the draft of a place, if there is one. */
export function draftAt(place: DraftPlace): Draft | undefined {
  return held.value.get(keyOf(place));
}

export function keep(draft: Draft): void {
  held.value = new Map(held.value).set(keyOf(draft), draft);
}

export function forget(place: DraftPlace): void {
  const left = new Map(held.value);
  left.delete(keyOf(place));
  held.value = left;
}

/** Returns all drafts with something typed that the server does not have. */
export function unsaved(): readonly Draft[] {
  return [...held.value.values()].filter(isChanged);
}

export function isChanged(draft: Draft): boolean {
  return draft.text !== draft.origin;
}

let last = 0;

/** Returns a draft with a text that is put in the place of what was typed. */
export function withText(draft: Draft, text: string): Draft {
  return { ...draft, text, revision: ++last };
}

/** Returns the draft of a new resource from its JSON. */
export function newDraft(type: string, start: string, patient: string | null = null, once: string | null = null): Draft {
  const from = { format: "json" as const, text: start, origin: start, start, once };
  return { type, id: null, patient, ...from, version: null, modified: "", isDeleted: false, outcome: "", revision: ++last };
}

/** Returns the draft of a resource that is as the server has it. */
export function draftOf(type: string, stored: Stored, patient: string | null = null, outcome = ""): Draft {
  const { id, text, format, version, modified } = stored;
  const from = { format, text, origin: text, start: "", once: null };
  return { type, id, patient, ...from, version, modified, isDeleted: false, outcome, revision: ++last };
}

/** A stored resource has one draft, from whichever record it was opened; of a new one each patient has their own. */
function keyOf({ type, id, patient }: DraftPlace): string {
  return id === null ? `${patient ?? ""} ${type}` : `${type}/${id}`;
}
