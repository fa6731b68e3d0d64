/** The heading of what is open in this room; it takes the focus when one comes to another place of the room. */

import { FORM_TITLES, type FormType } from "./forms/titles.ts";
import { BUNDLE, type WritePlace } from "./place.ts";

const ID = "write-heading";

export function Heading({ place }: { readonly place: WritePlace }) {
  return (
    <h2 id={ID} class="wrap" tabIndex={-1}>
      {titleOf(place)}
    </h2>
  );
}

function titleOf({ type, id, patient, isForm }: WritePlace): string {
  if (type === undefined) return patient === null ? "What to write" : "Write in this record";
  if (type === BUNDLE) return "Send a Bundle";
  if (isForm) return FORM_TITLES[type as FormType];
  return id === null ? `New ${type}` : `${type}/${id}`;
}

export function focusHeading(): void {
  document.getElementById(ID)?.focus();
}
