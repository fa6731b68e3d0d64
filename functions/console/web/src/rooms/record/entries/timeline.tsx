/** All entries of a record on one line of time, the latest first, by years; the reader says of which types. */

import { useMemo, useState } from "preact/hooks";

import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { printed } from "../../../parts/printing.ts";
import type { Entry } from "./entries.ts";
import { EntryItem } from "./entry-list.tsx";
import { RECORD_TYPES, type RecordType } from "../record-plan.ts";
import { countsOf, ofTypes, yearsOf } from "./timeline.ts";

const AT_ONCE = 60;

/** What can be chosen, in this order. */
const CHOICES: readonly (readonly [name: string, types: readonly RecordType[]])[] = [
  ["Problems", ["Condition"]],
  ["Medication", ["MedicationRequest", "MedicationStatement"]],
  ["Allergies", ["AllergyIntolerance"]],
  ["Immunisations", ["Immunization"]],
  ["Encounters", ["Encounter"]],
  ["Episodes of care", ["EpisodeOfCare"]],
  ["Procedures", ["Procedure"]],
  ["Goals", ["Goal"]],
  ["Observations", ["Observation"]],
];

export function TimeLine({ entries }: { readonly entries: readonly Entry[] }) {
  // Observations are many, and drawn as charts already.
  const [types, setTypes] = useState<ReadonlySet<RecordType>>(new Set(RECORD_TYPES.filter((each) => each !== "Observation")));
  const counts = useMemo(() => countsOf(entries), [entries]);
  const isWhole = printed.value === "whole";
  const chosen = useMemo(() => ofTypes(entries, isWhole ? new Set(RECORD_TYPES) : types), [entries, types, isWhole]);
  const toggle = (some: readonly RecordType[]) => {
    const isChosen = some.some((each) => types.has(each));
    setTypes(new Set(isChosen ? [...types].filter((each) => !some.includes(each)) : [...types, ...some]));
  };
  const offered = CHOICES.map(([name, some]) => ({ name, some, count: some.reduce((sum, each) => sum + (counts.get(each) ?? 0), 0) }));
  return (
    <>
      <div class="chips" role="group" aria-label="Types on the time line">
        {offered.filter((each) => each.count > 0).map(({ name, some, count }) => (
          <label key={name} class="chip">
            <input type="checkbox" checked={some.some((each) => types.has(each))} onChange={() => toggle(some)} />
            <span>
              {name} <span class="quiet">{count}</span>
            </span>
          </label>
        ))}
      </div>
      {chosen.length === 0 && <p class="quiet">Nothing of the types that are chosen.</p>}
      <BoundedList items={chosen} limit={AT_ONCE} what="entries">
        {(shown) =>
          yearsOf(shown).map((year) => (
            <section key={year.label} class="year" aria-label={year.label}>
              <h3>{year.label}</h3>
              <ul class="entries">
                {year.entries.map((each) => (
                  <EntryItem key={`${each.type}/${each.id}`} entry={each} showKind />
                ))}
              </ul>
            </section>
          ))
        }
      </BoundedList>
    </>
  );
}
