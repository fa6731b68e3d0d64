/** What was typed into forms, of new entries and of corrections: kept while one looks elsewhere or gets another token, gone with the session. */

import { effect, signal } from "@preact/signals";

import { session } from "../../../service/session.ts";
import type { RoomId } from "../../../shell/room-ids.ts";
import { pathOfForm } from "../place.ts";
import type { Values } from "./form.ts";
import { FORM_TITLES, type FormType } from "./titles.ts";

export interface FormPlace {
  /** Tells it from all other forms. */
  readonly key: string;
  /** What it is called among other forms. */
  readonly title: string;
  /** The id of the patient whose record it is about; empty for a new patient. */
  readonly patient: string;
  /** Where one goes on with it. */
  readonly room: RoomId;
  readonly path: readonly string[];
}

export interface FormDraft extends FormPlace {
  readonly values: Values;
  readonly isTouched: boolean;
  /** As in `NewResource`; the same for every attempt. Empty for a correction. */
  readonly once: string;
  /** Whether an attempt was made whose answer has not come. */
  readonly isUncertain: boolean;
  /** The version that a correction was typed beside; empty for what is new. */
  readonly version: string;
}

const held = signal<ReadonlyMap<string, FormDraft>>(new Map());
/** The keys of the forms that are open now. */
const open = signal<ReadonlySet<string>>(new Set());

effect(() => {
  if (!session.value) held.value = new Map();
});

/** Returns the place of the form of a new resource. */
export function placeOfForm(type: FormType, patient: string): FormPlace {
  const whose = patient === "" ? "" : `: Patient/${patient}`;
  return { key: keyOfForm(type, patient), title: `${FORM_TITLES[type]}${whose}`, patient, room: "write", path: pathOfForm(type, patient) };
}

export function keyOfForm(type: string, patient: string): string {
  return `${type} ${patient}`;
}

export function formDraftAt(key: string): FormDraft | undefined {
  return held.value.get(key);
}

export function keepForm(draft: FormDraft): void {
  held.value = new Map(held.value).set(draft.key, draft);
}

export function forgetForm(key: string): void {
  const left = new Map(held.value);
  left.delete(key);
  held.value = left;
}

/** Returns all forms with something typed that the server does not have. */
export function touchedForms(): readonly FormDraft[] {
  return [...held.value.values()].filter((each) => each.isTouched);
}

/** Returns those of them that are not on the page now. */
export function leftForms(): readonly FormDraft[] {
  return touchedForms().filter(({ key }) => !open.value.has(key));
}

/** Says that a form is on the page, until what is returned is called. */
export function showsForm(key: string): () => void {
  open.value = new Set(open.value).add(key);
  return () => {
    const left = new Set(open.value);
    left.delete(key);
    open.value = left;
  };
}
