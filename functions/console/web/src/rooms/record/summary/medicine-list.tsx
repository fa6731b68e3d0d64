/** One line for each medicine: its dose, since when, and on opening all that is recorded of it. */

import { useState } from "preact/hooks";

import { EntryItem } from "../entries/entry-list.tsx";
import { DoubtLines } from "../doubt-lines.tsx";
import { isWritten, useOpenRecord } from "../open-record.ts";
import { differentDoubts, type Medicine, medicineFacts } from "../entries/medicines.ts";

export function MedicineList({ medicines }: { readonly medicines: readonly Medicine[] }) {
  return (
    <ul class="entries">
      {medicines.map((each) => (
        <MedicineItem key={`${each.courses[0]?.type ?? ""}/${each.courses[0]?.id ?? ""}`} medicine={each} />
      ))}
    </ul>
  );
}

function MedicineItem({ medicine }: { readonly medicine: Medicine }) {
  const { title, doses, isCurrent, courses } = medicine;
  const record = useOpenRecord();
  const parts = courses.flatMap((each) => each.parts);
  const [isOpen, setOpen] = useState(() => isWritten(record, parts.map((each) => each.resource)));
  const isContrary = isCurrent && doses.length > 1;
  return (
    <li class={`entry ${isCurrent ? "" : "past"}`}>
      <div class="entry-line">
        <button type="button" class="entry-title" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{title}</button>
        {isContrary && <strong class="badge alert"><span aria-hidden="true">◆</span> {doses.length} doses recorded</strong>}
      </div>
      <p class="entry-facts">
        {[doses.join("; or ") || "no dose recorded", ...medicineFacts(medicine)].map((each, place) => (
          <span key={each} class={place === 0 ? "dose" : undefined}>{each}</span>
        ))}
      </p>
      {!isOpen && <DoubtLines doubts={differentDoubts(courses)} />}
      {isOpen && (
        <ul class="entries entry-whole">
          {parts.map((each) => (
            <EntryItem key={`${each.type}/${each.id}`} entry={each} showKind />
          ))}
        </ul>
      )}
    </li>
  );
}
