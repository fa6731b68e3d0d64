/** One patient's record: fetched as the token allows, and drawn section by section as it comes. */

import type { ComponentChildren } from "preact";
import { useCallback, useLayoutEffect, useMemo, useRef } from "preact/hooks";

import type { Observation, Patient } from "../../fhir/clinical.ts";
import type { Bundle, Resource } from "../../fhir/datatypes.ts";
import { today } from "../../fhir/dates.ts";
import { placeOf } from "../../fhir/references.ts";
import { pagesOf } from "../../fhir/search.ts";
import { ClosedNote } from "../../parts/closed-note.tsx";
import { printed, printRecord } from "../../parts/printing.ts";
import { ProblemPanel } from "../../parts/problem-panel.tsx";
import { ReferenceNames } from "../../parts/resource/reference-names.ts";
import { VersionHistory } from "../../parts/versions/version-history.tsx";
import { type Problem, problemFrom } from "../../service/problem.ts";
import type { Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { UnsavedCorrections } from "./correction/unsaved-corrections.tsx";
import { type Entry, entryOf } from "./entries/entries.ts";
import { coursesOf, isOfMedicine, medicinesOf, withCourses } from "./entries/medicines.ts";
import { TimeLine } from "./entries/timeline.tsx";
import { type Named, namesIn } from "./names.ts";
import { knownOf, OpenRecordContext, type Written } from "./open-record.ts";
import { ObservationCharts } from "./observations/observation-charts.tsx";
import { foremost, groupsOf, isChart, isOfHba1c } from "./observations/observation-groups.ts";
import { bornText, nhsNumber, patientName } from "./patient-summary.ts";
import { type PortionState, RecordLoader } from "./record-loader.ts";
import { accessPlanOf, type Plan, planOf, RECORD_TYPES, separately } from "./record-plan.ts";
import { RecordSection } from "./record-section.tsx";
import { COLUMNS, type Standing, standingOf } from "./sections.ts";
import { BannerAllergies } from "./summary/banner-allergies.tsx";
import { changesOf } from "./summary/changes.ts";
import { hasDiabetes } from "./summary/diabetes.ts";
import { LastAccess } from "./summary/last-access.tsx";
import { PatientBanner } from "./summary/patient-banner.tsx";
import { printableOf } from "./summary/printable.ts";
import { printBounds } from "./summary/print-bounds.ts";
import { PrintedBy } from "./summary/printed-by.tsx";
import { type RecordParts, Summary } from "./summary/summary.tsx";
import { accessLoaderOf, WhoHasSeen } from "./who-has-seen.tsx";
import { WriteLinks } from "./write-links.tsx";

const MOST_CHANGES = 6;
/** HTTP's Gone. */
const DELETED = 410;

export function RecordView({ id, session }: { readonly id: string; readonly session: Session }) {
  const { scope, patient: bound, client_id: client } = session.token.claims;
  const plan = useMemo(() => planOf(id, scope), [id, scope]);
  const loader = useMemo(() => loaderOf(plan, id, scope), [plan]);
  // Before the page shows "Stop", which otherwise would find nothing to stop.
  useLayoutEffect(() => {
    void loader.start().then(() => tellEnd(loader));
    return () => loader.stop();
  }, [loader]);
  const portions = loader.portions.value;
  const resources = loader.resources.value;
  const named = useMemo(() => namesIn(resources, placeOf), [resources]);
  const nameOf = useCallback((reference: string) => named({ reference }), [named]);
  const entries = useMemo(() => entriesOf(resources, named, resources.get(`Patient/${id}`) as Patient | undefined), [resources]);
  const accessPlan = useMemo(() => accessPlanOf(id, scope, bound), [id, scope, bound]);
  const accesses = useMemo(() => accessLoaderOf(accessPlan), [accessPlan]);
  const patient = resources.get(`Patient/${id}`) as Patient | undefined;
  const goOn = (one: PortionState) => void loader.goOn(one).then(() => tellEnd(loader));
  const missing = problemWith(id, bound, portions, patient !== undefined);
  // To who may see nothing else, who has seen it is what there is to see.
  const isAllClosed = plan.portions.length === 0;
  const isRefused = !isAllClosed && resources.size === 0 && portions.every((each) => each.state === "failed");
  const refused = isRefused ? portions[0] : undefined;
  const isThere = !missing && !refused;
  // In one place whatever comes of the rest: each time that it is drawn anew it would be asked for, and recorded, again.
  const seen = <WhoHasSeen id={id} session={session} plan={accessPlan} loader={accesses} onlyIfOpen={!isThere} />;
  const writing = <WriteLinks id={id} session={session} />;
  const allergies = entries.filter((each) => each.type === "AllergyIntolerance");
  const standing = standingOf(["AllergyIntolerance"], plan, portions);
  const unprinted = missingText(plan, portions);
  const written = useRef<Written | null>(null);
  const open = useMemo(() => ({ id, patient, resources, named, written, take: (one: Resource) => loader.take(one) }), [id, resources, named, loader]);
  return (
    <OpenRecordContext.Provider value={open}>
      {missing && <Missing id={id} problem={missing} />}
      {!missing && refused?.problem && <ProblemPanel problem={refused.problem} again={() => goOn(refused)} />}
      {isThere && (
        <>
          <PrintedBy
            client={session.clientName}
            name={patient ? patientName(patient) : `Patient/${id}`}
            who={patient ? whoText(patient) : ""}
            missing={unprinted}
          />
          <Progress portions={portions} count={entries.length} stop={() => loader.stop()} goOn={goOn} />
          <UnsavedCorrections />
          {patient && <PatientBanner patient={patient} named={named} allergies={allergies} standing={standing} />}
          <PatientClosed plan={plan} id={id} allergies={allergies} standing={standing} />
        </>
      )}
      {isAllClosed && seen}
      {isThere && isAllClosed && writing}
      {isThere && !isAllClosed && (
        <ReferenceNames.Provider value={nameOf}>
          <Sections patient={patient} missing={unprinted} entries={entries} plan={plan} portions={portions} goOn={goOn} writing={writing}>
            {(bound === undefined || bound === id) && <LastAccess plan={accessPlan} loader={accesses} client={client} />}
          </Sections>
        </ReferenceNames.Provider>
      )}
      {!isAllClosed && <div class="not-in-summary">{seen}</div>}
    </OpenRecordContext.Provider>
  );
}

/** Returns who a patient is beside the name, for each printed page. */
function whoText(patient: Patient): string {
  return `NHS number ${nhsNumber(patient)?.text ?? "not recorded"}, born ${bornText(patient, today())}`;
}

/** Returns what a print of the record lacks; empty if nothing. */
function missingText(plan: Plan, portions: readonly PortionState[]): string {
  const { closed, limited, isComplete } = standingOf(RECORD_TYPES, plan, portions);
  const without = closed.length ? `without ${closed.map(([type]) => type).join(", ")}, closed to this client` : "";
  const parts = limited.length ? `of ${limited.map(([type]) => type).join(", ")} only the part that this client may see` : "";
  const unread = isComplete ? "" : "not all of it was read";
  const missing = [unread, without, parts].filter((each) => each !== "").join("; ");
  return missing && `INCOMPLETE: ${missing}.`;
}

function Sections({ children, writing, patient, missing, ...parts }: RecordParts & {
  readonly patient: Patient | undefined;
  /** What a print lacks; empty if nothing. */
  readonly missing: string;
  readonly children: ComponentChildren;
  readonly writing: ComponentChildren;
}) {
  const { entries, plan, portions, goOn } = parts;
  const isDiabetic = useMemo(() => hasDiabetes(entries), [entries]);
  const groups = useMemo(() => {
    const observations = entries.filter((each) => each.type === "Observation");
    const doubts = new Map(observations.map((each) => [each.id, each.doubts]));
    return groupsOf(observations.map((each) => each.resource as Observation), ({ id: own = "" }) => doubts.get(own) ?? []);
  }, [entries]);
  const inOrder = useMemo(() => foremost(groups, (each) => isDiabetic && isOfHba1c(each)), [groups, isDiabetic]);
  const charts = groups.filter(isChart);
  const courses = useMemo(() => withCourses(entries), [entries]);
  const medicines = useMemo(() => medicinesOf(coursesOf(entries.filter(isOfMedicine))), [entries]);
  const changes = useMemo(() => changesOf(entries, groups, MOST_CHANGES), [entries, groups]);
  const bounds = printed.value === "summary"
    ? printBounds(printableOf({ patient, missing, entries, medicines, groups: inOrder, changes, charts }))
    : null;
  return (
    <>
      {bounds?.isLong && <p class="in-print">This summary is longer than two pages, as allergies and current medicines are printed whole.</p>}
      {children}
      <Summary {...parts} groups={inOrder} medicines={medicines} changes={changes} bounds={bounds} />
      <div class="row apart">
        {writing}
        <div class="row">
          <button type="button" class="small" onClick={() => printRecord("summary")}>Print the summary</button>
          <button type="button" class="small" onClick={() => printRecord("whole")}>Print the whole record</button>
        </div>
      </div>
      {charts.length > 0 && (
        <section class="card" aria-labelledby="charts-heading">
          <h2 id="charts-heading">Charts</h2>
          <ObservationCharts charts={charts} inSummary={bounds?.charts} also={(each) => isDiabetic && isOfHba1c(each)} />
        </section>
      )}
      <div class="record-columns not-in-summary">
        {COLUMNS.map((column, place) => (
          <div key={place} class="record-column">
            {column.map((section) => (
              <RecordSection
                key={section.title}
                section={section}
                entries={entries.filter((each) => section.types.includes(each.type))}
                standing={standingOf(section.types, plan, portions)}
                goOn={goOn}
              />
            ))}
          </div>
        ))}
      </div>
      {entries.length > 0 && (
        <section class="card not-in-summary" aria-labelledby="timeline-heading">
          <h2 id="timeline-heading">Time line</h2>
          <TimeLine entries={courses} />
        </section>
      )}
    </>
  );
}

function Missing({ id, problem }: { readonly id: string; readonly problem: Problem }) {
  return (
    <>
      <ProblemPanel problem={problem} />
      {problem.status === DELETED && <div class="card"><VersionHistory type="Patient" id={id} /></div>}
    </>
  );
}

function PatientClosed({ plan, id, allergies, standing }: {
  readonly plan: Plan;
  readonly id: string;
  readonly allergies: readonly Entry[];
  readonly standing: Standing;
}) {
  const scope = plan.closed.get("Patient");
  if (scope === undefined) return null;
  return (
    <section class="card" aria-label="Patient">
      <h2>Patient/{id}</h2>
      <ClosedNote scope={scope}>This token does not say who that is.</ClosedNote>
      {plan.portions.length > 0 && <BannerAllergies entries={allergies} standing={standing} />}
    </section>
  );
}

function Progress({ portions, count, stop, goOn }: {
  readonly portions: readonly PortionState[];
  readonly count: number;
  readonly stop: () => void;
  readonly goOn: (one: PortionState) => void;
}) {
  if (portions.some((each) => each.state === "loading")) {
    return (
      <div class="row working">
        <span class="spinner" aria-hidden="true" />
        <span>Reading the record{count > 0 && `: ${count} entries so far`}…</span>
        <button type="button" class="small" onClick={stop}>Stop</button>
      </div>
    );
  }
  const failed = portions.find((each) => each.state === "failed" && each.portion.types.length > 1);
  if (failed?.problem) return <ProblemPanel problem={failed.problem} again={() => goOn(failed)} />;
  const unread = portions.filter((each) => each.state === "stopped" || each.state === "more");
  if (!unread.length) return null;
  const isStopped = unread.some((each) => each.state === "stopped");
  return (
    <div class="notice row apart" role="group" aria-label="Not all was read">
      <span>
        {isStopped ? "Reading was stopped" : "This is a long record, and only its beginning was read"}: {count} entries are here, and there are more.
      </span>
      <button type="button" onClick={() => unread.forEach(goOn)}>Read on</button>
    </div>
  );
}

function loaderOf(plan: Plan, id: string, scope: string): RecordLoader {
  return new RecordLoader(plan.portions, {
    pages: (query, signal) => pagesOf(query, signal) as AsyncGenerator<Bundle | Resource, void>,
    problemFrom,
    instead: (portion) => separately(portion.types, id, scope),
  });
}

function entriesOf(resources: ReadonlyMap<string, Resource>, named: Named, patient: Patient | undefined): readonly Entry[] {
  const known = knownOf({ patient, resources });
  return [...resources.values()].map((each) => entryOf(each, named, known)).filter((each) => each !== null);
}

function tellEnd(loader: RecordLoader): void {
  // What has failed or was stopped says so itself, and what is closed was not read.
  if (!loader.portions.value.length) return;
  if (!loader.portions.value.every((each) => each.state === "complete" || each.state === "more")) return;
  const types: readonly string[] = RECORD_TYPES;
  const count = [...loader.resources.value.values()].filter((each) => types.includes(each.resourceType)).length;
  announce(`The record is read: ${count} ${count === 1 ? "entry" : "entries"}.`);
}

/** Returns why there is no record to show, where there is none. */
function problemWith(
  id: string,
  bound: string | undefined,
  portions: readonly PortionState[],
  isKnown: boolean,
): Problem | null {
  const asked = portions.find((each) => each.portion.types.includes("Patient"));
  if (!asked || isKnown) return null;
  const { problem, state } = asked;
  if (problem?.status === DELETED) {
    return { ...problem, title: `Patient/${id} was deleted.`, remedy: "Its versions are below. Choose another patient for a record." };
  }
  if (problem?.status !== 404 && state !== "complete") return null;
  const remedy = bound === undefined
    ? "Check the id, or choose another patient."
    : `This token is bound to Patient/${bound}, and to it all others look absent. Open that one, or get another token.`;
  return { title: `There is no Patient/${id}.`, remedy, details: [], status: problem?.status ?? 0, code: problem?.code ?? "", needsToken: false };
}
