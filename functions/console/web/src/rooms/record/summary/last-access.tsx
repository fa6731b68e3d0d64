/** Who looked at the record last, of others if any did, from the accesses that the section "Who has seen this record" shows. */

import { type Access, accessOf, type AuditEvent } from "../../../fhir/audit-event.ts";
import { dateText } from "../../../fhir/dates.ts";
import type { RecordLoader } from "../record-loader.ts";
import type { Plan } from "../record-plan.ts";

export function LastAccess({ plan, loader, client }: {
  readonly plan: Plan;
  readonly loader: RecordLoader;
  /** The id of the client that reads now. */
  readonly client: string;
}) {
  // The section at the foot of the record says what opens it.
  if (plan.closed.size > 0) return null;
  const accesses = [...loader.resources.value.values()].map((each) => accessOf(each as AuditEvent));
  const shown = accesses.find((each) => each.clientId !== client) ?? accesses[0];
  const [portion] = loader.portions.value;
  return (
    <section class="last-access on-screen" aria-labelledby="last-access">
      <h2 id="last-access">Last looked at</h2>
      {shown && <Line access={shown} isOwn={shown.clientId === client} />}
      {!shown && portion?.state === "loading" && <p class="quiet">Reading…</p>}
      {!shown && portion?.state === "complete" && <p>No access is recorded.</p>}
      {!shown && (portion?.state === "failed" || portion?.state === "stopped") && <p>Not known: it was not read.</p>}
      <button type="button" class="plain" onClick={showAll}>All accesses</button>
    </section>
  );
}

function Line({ access, isOwn }: { readonly access: Access; readonly isOwn: boolean }) {
  return (
    <p class="wrap">
      {dateText(access.at)}: <strong>{access.sentence}</strong>
      {isOwn && " (this client)"}
    </p>
  );
}

/** By a button, as the address names the room and not a place in it. */
function showAll(): void {
  const heading = document.getElementById("record-who-has-seen-this-record");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus();
  heading?.scrollIntoView();
}
