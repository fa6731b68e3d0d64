/** The record at a glance, in columns that stay where they are: problems and medication, latest values, what changed. */

import type { Observation } from "../../../fhir/clinical.ts";
import type { Entry } from "../entries/entries.ts";
import type { Medicine } from "../entries/medicines.ts";
import type { Group } from "../observations/observation-groups.ts";
import type { PortionState } from "../record-loader.ts";
import type { Plan } from "../record-plan.ts";
import { PastEntries, RecordSection, SectionCard } from "../record-section.tsx";
import { MEDICATION, PROBLEMS, standingOf } from "../sections.ts";
import type { Change } from "./changes.ts";
import { LatestValues } from "./latest-values.tsx";
import { MedicineList } from "./medicine-list.tsx";
import type { PrintBounds } from "./print-bounds.ts";
import { RecentChanges } from "./recent-changes.tsx";

/** The types whose changes are listed. */
const CHANGING = ["Condition", "MedicationRequest", "MedicationStatement", "AllergyIntolerance", "Encounter", "Observation"];

export interface RecordParts {
  readonly entries: readonly Entry[];
  readonly plan: Plan;
  readonly portions: readonly PortionState[];
  readonly goOn: (one: PortionState) => void;
}

export interface SummaryParts extends RecordParts {
  /** The measurements in the order in which they matter. */
  readonly groups: readonly Group[];
  readonly medicines: readonly Medicine[];
  readonly changes: readonly Change[];
  /** What has room in print, while it is printed. */
  readonly bounds: PrintBounds | null;
}

export function Summary({ groups, changes, bounds, ...parts }: SummaryParts) {
  const { entries, plan, portions, goOn } = parts;
  const observations = entries.filter((each) => each.type === "Observation").map((each) => each.resource as Observation);
  const standing = standingOf(CHANGING, plan, portions);
  return (
    <div class="summary">
      <div class="record-column">
        <RecordSection
          section={PROBLEMS}
          entries={entries.filter((each) => PROBLEMS.types.includes(each.type))}
          standing={standingOf(PROBLEMS.types, plan, portions)}
          goOn={goOn}
          inSummary={bounds?.problems}
        />
        <Medication {...parts} />
      </div>
      <div class="record-column">
        <SectionCard
          title="Latest values"
          count={groups.length}
          none="No value is recorded."
          standing={standingOf(["Observation"], plan, portions)}
          goOn={goOn}
        >
          <LatestValues groups={groups} observations={observations} inSummary={bounds?.values} />
        </SectionCard>
      </div>
      <div class="record-column">
        <section class="card" aria-labelledby="recent-changes">
          <h2 id="recent-changes">Recent changes</h2>
          {changes.length > 0 && <RecentChanges changes={changes} inSummary={bounds?.changes} />}
          {changes.length === 0 && <p class="quiet">{standing.isLoading ? "Reading…" : "None in what was read."}</p>}
          {!standing.isLoading && !standing.isComplete && <p class="quiet">Not all has been read yet.</p>}
          {standing.closed.length > 0 && <p class="quiet">Without {standing.closed.map(([type]) => type).join(", ")}: closed to this token.</p>}
          {standing.limited.length > 0 && <p class="quiet">Of {standing.limited.map(([type]) => type).join(", ")} in that part that this token opens.</p>}
        </section>
      </div>
    </div>
  );
}

function Medication({ medicines, plan, portions, goOn }: Omit<SummaryParts, "groups" | "changes" | "bounds">) {
  const current = medicines.filter((each) => each.isCurrent);
  const past = medicines.filter((each) => !each.isCurrent);
  return (
    <SectionCard
      title={MEDICATION.title}
      count={medicines.length}
      marked={current.length}
      none={MEDICATION.none}
      standing={standingOf(MEDICATION.types, plan, portions)}
      goOn={goOn}
    >
      <PastEntries label={MEDICATION.past} current={current} past={past}>
        {(shown) => <MedicineList medicines={shown} />}
      </PastEntries>
    </SectionCard>
  );
}
