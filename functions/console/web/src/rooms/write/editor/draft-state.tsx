/** At which version a draft is, whether it is saved, and where else the resource can be seen. */

import { dateText } from "../../../fhir/dates.ts";
import { addressOf } from "../../../shell/router.ts";
import { type Draft, isChanged } from "./drafts.ts";

export function DraftState({ draft }: { readonly draft: Draft }) {
  const { type, id, patient, version, isDeleted } = draft;
  const at = timeOf(draft);
  return (
    <div class="row apart">
      <span class="row">
        {id === null && <span class="badge">not created yet</span>}
        {isDeleted && <span class="badge bad">deleted</span>}
        {version && <span class="badge good">version {version}</span>}
        {at && <span class="quiet">written {at}</span>}
        {id !== null && isChanged(draft) && <span class="badge">changed, not saved</span>}
      </span>
      {id !== null && !isDeleted && (
        <span class="row">
          {patient !== null && <a href={addressOf("record", patient)}>Back to the record</a>}
          <a href={addressOf("explore", type, id)}>Explore it</a>
          {type === "Patient" && <a href={addressOf("record", id)}>See the record</a>}
        </span>
      )}
    </div>
  );
}

function timeOf({ modified }: Draft): string {
  const epoch = Date.parse(modified);
  return Number.isNaN(epoch) ? "" : dateText(new Date(epoch).toISOString());
}
