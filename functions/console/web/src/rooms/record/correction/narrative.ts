/** The narrative of a resource that is changed: it would say what was there before. */

import { edited } from "../../../fhir/json-edits.ts";

/** Narratives that say no more than the elements do (FHIR STU3 narrative.html#Narrative.status). */
const DERIVED = ["generated", "extensions"];

/** Returns a resource's text without a narrative that was made from its elements. One with more of its own stays. */
export function withoutNarrative(text: string): string {
  const { text: narrative } = JSON.parse(text) as { readonly text?: { readonly status?: string } };
  return DERIVED.includes(narrative?.status ?? "") ? edited(text, [{ path: ["text"], value: undefined }]) : text;
}
