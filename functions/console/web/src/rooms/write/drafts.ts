/** What is being written, place by place: kept while one looks elsewhere or gets another token, gone with the session. */

import { effect, signal } from "@preact/signals";

import { session } from "../../service/session.ts";
import type { Stored } from "./calls.ts";

export interface Draft {
  readonly type: string;
  /** Null of a new one. */
  readonly id: string | null;
  /** As it stands in the editor. */
  readonly text: string;
  /** What it was read or saved as; of a new one, the text that it began as. */
  readonly origin: string;
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

/** Returns the draft of a place, if there is one: of a new resource of a type, or of the one with the id. */
export function draftAt(type: string, id: string | null): Draft | undefined {
  return held.value.get(keyOf(type, id));
}

export function keep(draft: Draft): void {
  held.value = new Map(held.value).set(keyOf(draft.type, draft.id), draft);
}

export function forget({ type, id }: Pick<Draft, "type" | "id">): void {
  const left = new Map(held.value);
  left.delete(keyOf(type, id));
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

export function newDraft(type: string, text: string, outcome = ""): Draft {
  return { type, id: null, text, origin: text, version: null, modified: "", isDeleted: false, outcome, revision: ++last };
}

/** Returns the draft of a resource that is as the server has it. */
export function draftOf(type: string, stored: Stored, outcome = ""): Draft {
  const { id, text, version, modified } = stored;
  return { type, id, text, origin: text, version, modified, isDeleted: false, outcome, revision: ++last };
}

function keyOf(type: string, id: string | null): string {
  return `${type}/${id ?? ""}`;
}
