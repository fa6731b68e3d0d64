/** The room for bulk exports: one is started, watched, downloaded and deleted. */

import { ClosedNote } from "../../parts/closed-note.tsx";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import { JobCard } from "./job-card.tsx";
import { jobsOf } from "./jobs.ts";
import { KnownJob } from "./known-job.tsx";
import { closedBy } from "./openness.ts";
import { StartForm } from "./start-form.tsx";

export default function ExportRoom() {
  const one = session.value;
  if (!one) {
    return (
      <p class="notice">
        An export is opened by a token. <a href={addressOf("token")}>Get a token</a>, and come back.
      </p>
    );
  }
  const { client_id: clientId, patient } = one.token.claims;
  if (patient !== undefined) {
    return (
      <p class="notice">
        This token is bound to Patient/{patient} and exports nothing. That record is whole at{" "}
        <a href={addressOf("record", patient)}>Patient record</a>.
      </p>
    );
  }
  const closed = closedBy(one.scope, "all");
  return (
    <>
      {jobsOf(clientId).map((job) => <JobCard key={`${one.token.text} ${job.url}`} job={job} />)}
      {closed ? <ClosedNote scope={closed.scope}>{closed.reason}</ClosedNote> : <StartForm key={one.token.text} scope={one.scope} clientId={clientId} />}
      <KnownJob clientId={clientId} />
    </>
  );
}
