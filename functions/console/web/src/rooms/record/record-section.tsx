/** One section of a record: what is there, what is closed, what has failed; never one for the other. */

import type { ComponentChildren } from "preact";

import { ClosedNote } from "../../parts/closed-note.tsx";
import { ProblemPanel } from "../../parts/problem-panel.tsx";
import { type Entry, latestFirst, saysNone } from "./entries/entries.ts";
import { EntryList } from "./entries/entry-list.tsx";
import type { PortionState } from "./record-loader.ts";
import type { Section, Standing } from "./sections.ts";

/** The frame that a section of any content has: `children` is shown if there is something, `none` if there is nothing.
 *
 * `foot` stands at the end in any case: by what there can be more.
 */
export function SectionCard({ title, count, marked = count, none, standing, goOn, children, foot }: {
  readonly title: string;
  readonly count: number;
  /** How many the title names: those that hold, where others are folded. */
  readonly marked?: number;
  readonly none: string;
  readonly standing: Standing;
  readonly goOn: (one: PortionState) => void;
  readonly children: ComponentChildren;
  readonly foot?: ComponentChildren;
}) {
  const { closed, limited, isComplete, isLoading, failed } = standing;
  const id = `record-${title.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>
        {title} {marked > 0 && <span class="badge">{marked}</span>}
      </h2>
      {count > 0 && children}
      {failed.map((each) => each.problem && (
        <ProblemPanel key={each.portion.query} problem={each.problem} again={() => goOn(each)} />
      ))}
      {closed.map(([type, scope]) => (
        <ClosedNote key={type} scope={scope}>This token does not open {type}.</ClosedNote>
      ))}
      {limited.map(([type, condition]) => <p key={type} class="quiet wrap">Of {type} this token opens a part: {condition}.</p>)}
      {count === 0 && isLoading && <p class="quiet">Loading…</p>}
      {count === 0 && isComplete && !closed.length && <p>{limited.length ? "Of that part nothing is recorded." : none}</p>}
      {!isComplete && !isLoading && !failed.length && (
        <p class="quiet">{count === 0 ? "Nothing so far, and not all has been read." : "Not all has been read yet."}</p>
      )}
      {foot}
    </section>
  );
}

export function RecordSection({ section, entries, standing, goOn, inSummary }: {
  readonly section: Section;
  readonly entries: readonly Entry[];
  readonly standing: Standing;
  readonly goOn: (one: PortionState) => void;
  /** How many of those that hold a printed summary has room for. */
  readonly inSummary?: number | undefined;
}) {
  const { title, none, past: pastLabel, showKind = false, maySayNone = false } = section;
  const ordered = latestFirst(entries);
  const said = maySayNone ? ordered.filter((each) => each.isCurrent && saysNone(each)) : [];
  const others = ordered.filter((each) => !said.includes(each));
  const isCurrent = (each: Entry) => pastLabel === undefined || each.isCurrent;
  const current = others.filter(isCurrent);
  return (
    <SectionCard title={title} count={ordered.length} marked={current.length} none={none} standing={standing} goOn={goOn}>
      {said.length > 0 && (
        <>
          <h3>Recorded as none known</h3>
          <EntryList entries={said} />
        </>
      )}
      <PastEntries
        label={pastLabel}
        current={current}
        past={others.filter((each) => !isCurrent(each))}
        hasNone={said.length > 0}
      >
        {(shown) => <EntryList entries={shown} showKind={showKind} inSummary={inSummary} />}
      </PastEntries>
    </SectionCard>
  );
}

/** What holds, and folded below it what no longer does. */
export function PastEntries<T>({ label, current, past, hasNone = false, children }: {
  readonly label: string | undefined;
  readonly current: readonly T[];
  readonly past: readonly T[];
  /** Whether it is recorded that there is none. */
  readonly hasNone?: boolean;
  readonly children: (shown: readonly T[]) => ComponentChildren;
}) {
  return (
    <>
      {current.length > 0 && children(current)}
      {current.length === 0 && past.length > 0 && !hasNone && <p>None is active.</p>}
      {past.length > 0 && (
        <details class="more fold">
          <summary>{label}: {past.length}</summary>
          {children(past)}
        </details>
      )}
    </>
  );
}
