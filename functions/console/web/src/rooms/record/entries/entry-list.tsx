/** Entries of a record as a list: each says what, when and how it stands, and opens into the whole resource. */

import { useState } from "preact/hooks";

import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { OpenedEntry } from "../correction/opened-entry.tsx";
import { DoubtLines } from "../doubt-lines.tsx";
import { isWritten, useOpenRecord } from "../open-record.ts";
import type { Entry } from "./entries.ts";

const AT_ONCE = 15;

/** `showKind` is for lists of several kinds. */
export function EntryList({ entries, showKind = false, inSummary }: {
  readonly entries: readonly Entry[];
  readonly showKind?: boolean;
  readonly inSummary?: number | undefined;
}) {
  return (
    <BoundedList items={entries} limit={AT_ONCE} inSummary={inSummary} what="entries">
      {(shown) => (
        <ul class="entries">
          {shown.map((each) => (
            <EntryItem key={`${each.type}/${each.id}`} entry={each} showKind={showKind} />
          ))}
        </ul>
      )}
    </BoundedList>
  );
}

export function EntryItem({ entry, showKind }: { readonly entry: Entry; readonly showKind: boolean }) {
  const record = useOpenRecord();
  const parts = entry.parts ?? [entry];
  const [isOpen, setOpen] = useState(() => isWritten(record, parts.map((each) => each.resource)));
  return (
    <li class={`entry ${entry.isCurrent ? "" : "past"}`}>
      <div class="entry-line">
        <button type="button" class="entry-title" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {entry.isInError ? <del>{entry.title}</del> : entry.title}
        </button>
        <span class="entry-marks">
          {showKind && <span class="badge">{entry.kind}</span>}
          {entry.alert && <strong class="badge alert"><span aria-hidden="true">▲</span> {entry.alert}</strong>}
          {entry.status && entry.status !== "active" && <span class="badge">{entry.status}</span>}
        </span>
      </div>
      <p class="entry-facts">
        {[entry.when || "no date", ...entry.facts].map((each, place) => (
          <span key={place}>{entry.isInError ? <del>{each}</del> : each}</span>
        ))}
      </p>
      <DoubtLines doubts={entry.doubts} withSource={isOpen} />
      {isOpen && (
        <div class="entry-whole">
          {parts.map(({ type, id, resource }) => (
            <OpenedEntry key={`${type}/${id}`} resource={resource} />
          ))}
        </div>
      )}
    </li>
  );
}
