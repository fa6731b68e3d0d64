/** What was typed into forms: kept while one looks elsewhere or gets another token, gone with the session. */

import { effect, signal } from "@preact/signals";

import { session } from "../../../service/session.ts";
import type { Values } from "./form.ts";
import type { FormType } from "./titles.ts";

export interface FormPlace {
  readonly type: FormType;
  readonly patient: string;
}

export interface FormDraft extends FormPlace {
  readonly values: Values;
  readonly isTouched: boolean;
  /** As in `NewResource`; the same for every attempt. */
  readonly once: string;
  /** Whether an attempt was made whose answer has not come. */
  readonly isUncertain: boolean;
}

const held = signal<ReadonlyMap<string, FormDraft>>(new Map());

effect(() => {
  if (!session.value) held.value = new Map();
});

export function formDraftAt(place: FormPlace): FormDraft | undefined {
  return held.value.get(keyOf(place));
}

export function keepForm(draft: FormDraft): void {
  held.value = new Map(held.value).set(keyOf(draft), draft);
}

export function forgetForm({ type, patient }: { readonly type: string; readonly patient: string }): void {
  const left = new Map(held.value);
  left.delete(keyOf({ type, patient }));
  held.value = left;
}

/** Returns all forms with something typed that the server does not have. */
export function touchedForms(): readonly FormDraft[] {
  return [...held.value.values()].filter((each) => each.isTouched);
}

function keyOf({ type, patient }: { readonly type: string; readonly patient: string }): string {
  return `${type} ${patient}`;
}
