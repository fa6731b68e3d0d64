/** The room for data protection officers. `#/audit` chooses whose record, `#/audit/4/2026-10-01/2026-10-31` is a report. */

import { ClosedNote } from "../../parts/closed-note.tsx";
import { Place } from "../../parts/place.tsx";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import { PatientChoice } from "../record/patient-choice.tsx";
import { accessPlanOf } from "../record/record-plan.ts";
import type { RoomProps } from "../room-props.ts";
import { periodOf } from "./period.ts";
import { PeriodForm } from "./period-form.tsx";
import { Report } from "./report.tsx";

export default function AuditRoom({ path }: RoomProps) {
  const one = session.value;
  if (!one) {
    return (
      <p class="notice">
        The audit trail is opened by a token. <a href={addressOf("token")}>Get a token</a>, and come back.
      </p>
    );
  }
  const { text, claims } = one.token;
  const { scope, patient: bound } = claims;
  // A token of one patient's needs no choice.
  const id = path[0] ?? bound;
  const period = periodOf(path.slice(1));
  const missing = accessPlanOf(id ?? "", scope, bound).closed.get("AuditEvent");
  if (missing !== undefined) return <ClosedNote scope={missing}>This token does not open the audit trail.</ClosedNote>;
  if (id === undefined) return <Place kind="disclosures" label="Choice of a patient"><PatientChoice key={text} session={one} room="audit" /></Place>;
  return (
    <Place kind="disclosures" label={`Who saw Patient/${id}`}>
      {bound === undefined && <p class="another"><a href={addressOf("audit")}>Another patient</a></p>}
      {/* Of another's record such a token finds nothing, which does not mean that nobody has seen it. */}
      {bound !== undefined && bound !== id
        ? <p class="notice">This token is bound to Patient/{bound}, and is told who has seen that record alone.</p>
        : (
          <>
            <PeriodForm key={path.join()} id={id} period={period} />
            {period && <Report key={`${text} ${path.join()}`} id={id} period={period} session={one} />}
          </>
        )}
    </Place>
  );
}
