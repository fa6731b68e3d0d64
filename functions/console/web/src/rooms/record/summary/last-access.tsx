/** Who looked at the record last, from the accesses that the section "Who has seen this record" shows. */

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
  const accesses = [...loader.resources.value.values()].map((each) => accessOf(each as AuditEvent));
  const latest = accesses[0];
  const other = accesses.find((each) => each.clientId !== client);
  const [portion] = loader.portions.value;
  return (
    <section class="card" aria-labelledby="last-access">
      <div class="row apart">
        <h2 id="last-access">Last looked at</h2>
        {plan.closed.size === 0 && <button type="button" class="plain" onClick={showAll}>All accesses</button>}
      </div>
      {plan.closed.size > 0 && <p class="quiet">This token does not open AuditEvent: who has looked is not shown.</p>}
      {latest && <Line access={latest} isOwn={latest.clientId === client} />}
      {other && other !== latest && <Line access={other} isOwn={false} />}
      {!latest && portion?.state === "loading" && <p class="quiet">Reading…</p>}
      {!latest && portion?.state === "complete" && <p>No access is recorded.</p>}
      {!latest && (portion?.state === "failed" || portion?.state === "stopped") && <p>Not known: it was not read.</p>}
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
