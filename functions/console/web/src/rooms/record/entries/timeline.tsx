/** All entries of a record on one line of time, the latest first, by years; the reader says of which types. */

import { useMemo, useState } from "preact/hooks";

import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import type { Entry } from "./entries.ts";
import { EntryItem } from "./entry-list.tsx";
import { RECORD_TYPES, type RecordType } from "../record-plan.ts";
import { countsOf, ofTypes, yearsOf } from "./timeline.ts";

const AT_ONCE = 60;

const NAMES: Readonly<Record<RecordType, string>> = {
  Condition: "Problems",
  MedicationStatement: "Medication statements",
  MedicationRequest: "Prescriptions",
  AllergyIntolerance: "Allergies",
  Immunization: "Immunisations",
  Encounter: "Encounters",
  EpisodeOfCare: "Episodes of care",
  Procedure: "Procedures",
  Observation: "Observations",
};

export function TimeLine({ entries }: { readonly entries: readonly Entry[] }) {
  // Observations are many, and drawn as charts already.
  const [types, setTypes] = useState<ReadonlySet<RecordType>>(new Set(RECORD_TYPES.filter((each) => each !== "Observation")));
  const counts = useMemo(() => countsOf(entries), [entries]);
  const chosen = useMemo(() => ofTypes(entries, types), [entries, types]);
  const toggle = (type: RecordType) => {
    const next = new Set(types);
    if (!next.delete(type)) next.add(type);
    setTypes(next);
  };
  return (
    <>
      <div class="chips" role="group" aria-label="Types on the time line">
        {RECORD_TYPES.filter((each) => counts.has(each)).map((each) => (
          <label key={each} class="chip">
            <input type="checkbox" checked={types.has(each)} onChange={() => toggle(each)} />
            <span>
              {NAMES[each]} <span class="quiet">{counts.get(each)}</span>
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
