/** The ways from a patient's record to writing in it: for the patient who is open, and no other. */

import { lettersOf, scopeFor } from "../../oauth/grants.ts";
import type { Session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import { FORM_TITLES, RECORD_FORM_TYPES } from "../write/forms/titles.ts";
import { pathToWriteAbout } from "../write/place.ts";

export function WriteLinks({ id, session }: { readonly id: string; readonly session: Session }) {
  const { scope, patient: bound } = session.token.claims;
  const open = RECORD_FORM_TYPES.filter((type) => lettersOf(scope, type, bound).has("c"));
  if (!open.length) {
    return <p class="quiet write-links">This token only reads; it needs {scopeFor(scope, "Observation", "c", bound)} to record something.</p>;
  }
  return (
    <nav class="row write-links" aria-label="Write in this record">
      {open.map((type) => (
        <a key={type} class="button small" href={addressOf("write", ...pathToWriteAbout(id, type))}>{FORM_TITLES[type]}</a>
      ))}
      <a href={addressOf("write", ...pathToWriteAbout(id))}>Something else</a>
    </nav>
  );
}
