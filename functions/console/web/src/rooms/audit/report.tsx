/** A disclosure report: read page by page until the period is whole, then shown, printed and saved as CSV. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { AuditEvent } from "../../fhir/audit-event.ts";
import type { Patient } from "../../fhir/clinical.ts";
import { today } from "../../fhir/dates.ts";
import { pagesOf } from "../../fhir/search.ts";
import { type Disclosures, disclosuresOf, linesOf } from "../../fhir/visits.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Choice } from "../../parts/fields.tsx";
import { Hints } from "../../parts/hints.tsx";
import { ProblemPanel } from "../../parts/problem-panel.tsx";
import { problemFrom } from "../../service/problem.ts";
import type { Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { bornText, nhsNumber, patientName } from "../record/patient-summary.ts";
import { type PortionState, RecordLoader } from "../record/record-loader.ts";
import { clientText } from "./client-text.ts";
import { csvLines } from "./csv.ts";
import { instantText, type Period, periodText } from "./period.ts";
import { PAGES_AT_ONCE, reportPlanOf } from "./plan.ts";
import { VisitTable } from "./visit-table.tsx";

/** What the column `archive` says here: only the command line compares the trail with its archive. */
const NOT_VERIFIED = "not verified";

export function Report({ id, period, session }: { readonly id: string; readonly period: Period; readonly session: Session }) {
  const { scope, patient: bound } = session.token.claims;
  const plan = useMemo(() => reportPlanOf(id, period, scope, bound), []);
  const loader = useMemo(() => new RecordLoader(plan.portions, { pages: pagesOf, problemFrom, instead: () => [], pagesAtOnce: PAGES_AT_ONCE }), []);
  const [client, setClient] = useState<string | undefined>(undefined);
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    heading.current?.focus();
    void loader.start().then(() => tellEnd(loader));
    return () => loader.stop();
  }, []);
  const resources = loader.resources.value;
  const events = useMemo(() => eventsIn(loader), [resources]);
  const all = useMemo(() => disclosuresOf(events), [events]);
  const shown = useMemo(() => disclosuresOf(events, client), [events, client]);
  const patient = resources.get(`Patient/${id}`) as Patient | undefined;
  const trail = loader.portions.value.at(-1);
  const hints = loader.hints.value;
  const goOn = () => void (trail && loader.goOn(trail).then(() => tellEnd(loader)));
  const chosen = client === undefined ? "" : clientText(client, nameOf(all, client));
  return (
    <section class="card report" aria-labelledby="report-heading">
      <div class="report-head">
        <h2 id="report-heading" tabIndex={-1} ref={heading}>Who saw {patient ? patientName(patient) : `Patient/${id}`}</h2>
        <p class="wrap">
          {patient && `${whoText(patient)}, Patient/${id}. `}
          {periodText(period)} (UTC){chosen && `, of ${chosen} alone`}.
        </p>
        <p class="in-print">Made by {session.clientName} on <Now /> (UTC).</p>
      </div>
      {trail && <Standing trail={trail} events={events} stop={() => loader.stop()} goOn={goOn} />}
      <Hints texts={hints} />
      {trail && trail.state !== "loading" && (
        <>
          <Actions id={id} period={period} all={all} shown={shown} client={client} onClient={setClient} />
          <Tables shown={shown} isWhole={trail.state === "complete" && hints.length === 0} />
          <ArchiveNote id={id} period={period} client={client} />
        </>
      )}
    </section>
  );
}

/** How far the audit trail was read, unless it is whole. */
function Standing({ trail, events, stop, goOn }: {
  readonly trail: PortionState;
  readonly events: readonly AuditEvent[];
  readonly stop: () => void;
  readonly goOn: () => void;
}) {
  const oldest = events.at(-1)?.recorded;
  const read = `${events.length} ${events.length === 1 ? "request" : "requests"}${oldest === undefined ? "" : `, back to ${instantText(oldest)}`}`;
  if (trail.state === "complete") return null;
  if (trail.state === "loading") {
    return (
      <div class="row working">
        <span class="spinner" aria-hidden="true" />
        <span>Reading the audit trail{events.length > 0 && `: ${read}`}…</span>
        <button type="button" class="small" onClick={stop}>Stop</button>
      </div>
    );
  }
  return (
    <>
      {trail.problem && <ProblemPanel problem={trail.problem} again={goOn} />}
      <div class="notice row apart" role="group" aria-label="Not all was read">
        <span>
          <strong>This report is not whole.</strong> {events.length === 0 ? "Nothing was read." : `Read is the newest: ${read}. Earlier ones are missing.`}
          {trail.state === "more" && " Read on, or show a shorter period."}
        </span>
        {!trail.problem && <button type="button" onClick={goOn}>Read on</button>}
      </div>
    </>
  );
}

function Actions({ id, period, all, shown, client, onClient }: {
  readonly id: string;
  readonly period: Period;
  readonly all: Disclosures;
  readonly shown: Disclosures;
  readonly client: string | undefined;
  readonly onClient: (client: string | undefined) => void;
}) {
  const clients = [...new Set(linesOf(all).map((each) => each.clientId))];
  if (!clients.length) return null;
  return (
    <div class="row apart report-actions">
      <Choice
        label="Client"
        value={client === undefined ? "" : String(clients.indexOf(client))}
        onValue={(value) => onClient(value === "" ? undefined : clients[Number(value)])}
      >
        <option value="">All {clients.length}</option>
        {clients.map((each, place) => <option key={each} value={String(place)}>{clientText(each, nameOf(all, each))}</option>)}
      </Choice>
      <div class="row">
        <Download name={`who-saw-patient-${id}-${period.from}-to-${period.to}.csv`} shown={shown} />
        <button type="button" onClick={() => print()}>Print</button>
      </div>
    </div>
  );
}

/** A link to a file that the page has made itself: nothing is asked of the server again. */
function Download({ name, shown }: { readonly name: string; readonly shown: Disclosures }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    // Spreadsheets take a file without a byte order mark for one in the encoding of their country.
    const text = `\u{feff}${csvLines(shown, NOT_VERIFIED).join("\n")}\n`;
    const made = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [shown]);
  return <a class="button" href={address} download={name}>Save as CSV</a>;
}

function Tables({ shown: { visits, refusals }, isWhole }: { readonly shown: Disclosures; readonly isWhole: boolean }) {
  return (
    <>
      <VisitTable title="Visits" what="What was seen" visits={visits} none={isWhole ? "No visit in this period is recorded." : "No visit was read."} />
      <VisitTable
        title="Refused or failed, so nothing was shown"
        what="What was asked for"
        visits={refusals}
        none={isWhole ? "Nothing was refused in this period." : "No refusal was read."}
      />
    </>
  );
}

function ArchiveNote({ id, period: { from, to }, client }: { readonly id: string; readonly period: Period; readonly client: string | undefined }) {
  const command = `careconnect audit report --patient ${id} --from ${from} --to ${to}${client ? ` --client ${client}` : ""} --csv`;
  return (
    <div class="archive-note">
      <p>
        Not verified: this page cannot tell whether the audit trail is as it was archived. An operator gets the same lines
        with what the archive says of each by <code class="wrap">{command}</code>
      </p>
      <div><CopyButton label="Copy the command" text={() => command} /></div>
    </div>
  );
}

/** When the report was made: it does not change while it is looked at. */
function Now() {
  const [now] = useState(() => new Date().toISOString());
  return <>{instantText(now)}</>;
}

function whoText(patient: Patient): string {
  return `NHS number ${nhsNumber(patient)?.text ?? "not recorded"}, born ${bornText(patient, today())}`;
}

function nameOf(all: Disclosures, client: string): string {
  return linesOf(all).find((each) => each.clientId === client && each.clientName)?.clientName ?? "";
}

function eventsIn(loader: RecordLoader): readonly AuditEvent[] {
  return [...loader.resources.value.values()].filter((each): each is AuditEvent => each.resourceType === "AuditEvent");
}

function tellEnd(loader: RecordLoader): void {
  const state = loader.portions.value.at(-1)?.state;
  // What has failed or was stopped says so itself.
  if (state !== "complete" && state !== "more") return;
  const { visits, refusals } = disclosuresOf(eventsIn(loader));
  const whole = state === "more" || loader.hints.value.length > 0 ? " It is not whole." : "";
  announce(`The report is read: ${visits.length} ${visits.length === 1 ? "visit" : "visits"}, ${refusals.length} refused.${whole}`);
}
