/** The record at a glance, in columns that stay where they are: problems and medication, latest values, what changed. */

import { useMemo } from "preact/hooks";

import type { Observation } from "../../../fhir/clinical.ts";
import type { Entry } from "../entries/entries.ts";
import { coursesOf, isOfMedicine, medicinesOf } from "../entries/medicines.ts";
import type { Group } from "../observations/observation-groups.ts";
import type { PortionState } from "../record-loader.ts";
import type { Plan } from "../record-plan.ts";
import { PastEntries, RecordSection, SectionCard } from "../record-section.tsx";
import { MEDICATION, PROBLEMS, standingOf } from "../sections.ts";
import { changesOf } from "./changes.ts";
import { LatestValues } from "./latest-values.tsx";
import { MedicineList } from "./medicine-list.tsx";
import { RecentChanges } from "./recent-changes.tsx";

const MOST_CHANGES = 6;
/** The types whose changes are listed. */
const CHANGING = ["Condition", "MedicationRequest", "MedicationStatement", "AllergyIntolerance", "Encounter", "Observation"];

export interface RecordParts {
  readonly entries: readonly Entry[];
  readonly plan: Plan;
  readonly portions: readonly PortionState[];
  readonly goOn: (one: PortionState) => void;
}

/** `groups` are the measurements in the order in which they matter. */
export function Summary({ groups, ...parts }: RecordParts & { readonly groups: readonly Group[] }) {
  const { entries, plan, portions, goOn } = parts;
  const changes = useMemo(() => changesOf(entries, groups, MOST_CHANGES), [entries, groups]);
  const observations = entries.filter((each) => each.type === "Observation").map((each) => each.resource as Observation);
  const standing = standingOf(CHANGING, plan.closed, portions);
  return (
    <div class="summary">
      <div class="record-column">
        <RecordSection
          section={PROBLEMS}
          entries={entries.filter((each) => PROBLEMS.types.includes(each.type))}
          standing={standingOf(PROBLEMS.types, plan.closed, portions)}
          goOn={goOn}
        />
        <Medication {...parts} />
      </div>
      <div class="record-column">
        <SectionCard
          title="Latest values"
          count={groups.length}
          none="No value is recorded."
          standing={standingOf(["Observation"], plan.closed, portions)}
          goOn={goOn}
        >
          <LatestValues groups={groups} observations={observations} />
        </SectionCard>
      </div>
      <div class="record-column">
        <section class="card" aria-labelledby="recent-changes">
          <h2 id="recent-changes">Recent changes</h2>
          {changes.length > 0 && <RecentChanges changes={changes} />}
          {changes.length === 0 && <p class="quiet">{standing.isLoading ? "Reading…" : "None in what was read."}</p>}
          {!standing.isLoading && !standing.isComplete && <p class="quiet">Not all has been read yet.</p>}
          {standing.closed.length > 0 && <p class="quiet">Without {standing.closed.map(([type]) => type).join(", ")}: closed to this token.</p>}
        </section>
      </div>
    </div>
  );
}

function Medication({ entries, plan, portions, goOn }: RecordParts) {
  const medicines = useMemo(() => medicinesOf(coursesOf(entries.filter(isOfMedicine))), [entries]);
  const current = medicines.filter((each) => each.isCurrent);
  const past = medicines.filter((each) => !each.isCurrent);
  return (
    <SectionCard
      title={MEDICATION.title}
      count={medicines.length}
      marked={current.length}
      none={MEDICATION.none}
      standing={standingOf(MEDICATION.types, plan.closed, portions)}
      goOn={goOn}
    >
      <PastEntries label={MEDICATION.past} current={current} past={past}>
        {(shown) => <MedicineList medicines={shown} />}
      </PastEntries>
    </SectionCard>
  );
}
