/** One patient's record: fetched as the token allows, and drawn section by section as it comes. */

import { useEffect, useMemo } from "preact/hooks";

import type { Observation, Patient } from "../../fhir/clinical.ts";
import type { Bundle, Resource } from "../../fhir/datatypes.ts";
import { placeOf } from "../../fhir/references.ts";
import { pagesOf } from "../../fhir/search.ts";
import { ClosedNote } from "../../parts/closed-note.tsx";
import { ProblemPanel } from "../../parts/problem-panel.tsx";
import { VersionHistory } from "../../parts/versions/version-history.tsx";
import { type Problem, problemFrom } from "../../service/problem.ts";
import type { Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { type Entry, entryOf } from "./entries.ts";
import { type Named, namesIn } from "./names.ts";
import { ObservationCharts } from "./observation-charts.tsx";
import { PatientBanner } from "./patient-banner.tsx";
import { type PortionState, RecordLoader } from "./record-loader.ts";
import { type Plan, planOf, RECORD_TYPES, separately } from "./record-plan.ts";
import { RecordSection, SectionCard } from "./record-section.tsx";
import { SECTIONS, standingOf } from "./sections.ts";
import { TimeLine } from "./timeline.tsx";
import { WhoHasSeen } from "./who-has-seen.tsx";
import { WriteLinks } from "./write-links.tsx";

/** HTTP's Gone. */
const DELETED = 410;

export function RecordView({ id, session }: { readonly id: string; readonly session: Session }) {
  const { scope, patient: bound } = session.token.claims;
  const plan = useMemo(() => planOf(id, scope), [id, scope]);
  const loader = useMemo(() => loaderOf(plan, id, scope), [plan]);
  useEffect(() => {
    void loader.start().then(() => tellEnd(loader));
    return () => loader.stop();
  }, [loader]);
  const portions = loader.portions.value;
  const resources = loader.resources.value;
  const named = useMemo(() => namesIn(resources, placeOf), [resources]);
  const entries = useMemo(() => entriesOf(resources, named), [resources]);
  const patient = resources.get(`Patient/${id}`) as Patient | undefined;
  const goOn = (one: PortionState) => void loader.goOn(one).then(() => tellEnd(loader));
  const missing = problemWith(id, bound, portions, patient !== undefined);
  // To who may see nothing else, who has seen it is what there is to see.
  const isAllClosed = plan.portions.length === 0;
  const isRefused = !isAllClosed && resources.size === 0 && portions.every((each) => each.state === "failed");
  const refused = isRefused ? portions[0] : undefined;
  const isThere = !missing && !refused;
  // In one place whatever comes of the rest: each time that it is drawn anew it would be asked for, and recorded, again.
  const seen = <WhoHasSeen id={id} session={session} onlyIfOpen={!isThere} />;
  return (
    <>
      {missing && <Missing id={id} problem={missing} />}
      {!missing && refused?.problem && <ProblemPanel problem={refused.problem} again={() => goOn(refused)} />}
      {isThere && (
        <>
          <Progress portions={portions} count={entries.length} stop={() => loader.stop()} goOn={goOn} />
          {patient && <PatientBanner patient={patient} named={named} />}
          <PatientClosed plan={plan} id={id} />
          <WriteLinks id={id} session={session} />
        </>
      )}
      {isAllClosed && seen}
      {isThere && <Sections entries={entries} plan={plan} portions={portions} goOn={goOn} />}
      {!isAllClosed && seen}
    </>
  );
}

interface Parts {
  readonly plan: Plan;
  readonly portions: readonly PortionState[];
  readonly goOn: (one: PortionState) => void;
}

function Sections({ entries, plan, portions, goOn }: Parts & { readonly entries: readonly Entry[] }) {
  return (
    <>
      <Charts entries={entries} plan={plan} portions={portions} goOn={goOn} />
      <div class="record-columns">
        {SECTIONS.map((section) => (
          <RecordSection
            key={section.title}
            section={section}
            entries={entries.filter((each) => section.types.includes(each.type))}
            standing={standingOf(section.types, plan.closed, portions)}
            goOn={goOn}
          />
        ))}
      </div>
      {entries.length > 0 && (
        <section class="card" aria-labelledby="timeline-heading">
          <h2 id="timeline-heading">Time line</h2>
          <TimeLine entries={entries} />
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

function Charts({ entries, plan, portions, goOn }: Parts & { readonly entries: readonly Entry[] }) {
  const observations = useMemo(
    () => entries.filter((each) => each.type === "Observation").map((each) => each.resource as Observation),
    [entries],
  );
  return (
    <SectionCard
      title="Observations"
      count={observations.length}
      none="No observation is recorded."
      standing={standingOf(["Observation"], plan.closed, portions)}
      goOn={goOn}
    >
      <ObservationCharts observations={observations} />
    </SectionCard>
  );
}

function PatientClosed({ plan, id }: { readonly plan: Plan; readonly id: string }) {
  const scope = plan.closed.get("Patient");
  if (scope === undefined) return null;
  return (
    <section class="card" aria-label="Patient">
      <h2>Patient/{id}</h2>
      <ClosedNote scope={scope}>This token does not say who that is.</ClosedNote>
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

function entriesOf(resources: ReadonlyMap<string, Resource>, named: Named): readonly Entry[] {
  return [...resources.values()].map((each) => entryOf(each, named)).filter((each) => each !== null);
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
