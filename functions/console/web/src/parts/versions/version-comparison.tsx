/** What differs between two versions, as a table: by sign and word, and not by colour alone. */

import { useEffect, useId, useMemo } from "preact/hooks";

import type { Resource } from "../../fhir/datatypes.ts";
import { type Difference, differencesOf } from "../../fhir/difference.ts";
import type { Comparison, Version } from "../../fhir/history.ts";
import { valueText } from "../../fhir/text.ts";
import { announce } from "../../shell/announcements.tsx";

const SIGNS = { added: "+", removed: "−", changed: "~" } as const;
/** A table of more rows helps nobody: a whole resource has been exchanged for another. */
export const MAX_ROWS = 200;

export function VersionComparison({ versions, chosen, from, to, onChosen }: {
  /** Those that can be chosen, the newest first. */
  readonly versions: readonly Version[];
  readonly chosen: Comparison;
  readonly from: Resource;
  readonly to: Resource;
  readonly onChosen: (comparison: Comparison) => void;
}) {
  const differences = useMemo(() => differencesOf(from, to), [from, to]);
  const summary = `From version ${chosen.from} to ${chosen.to}: ${countOf(differences.length)}.`;
  useEffect(() => announce(summary), [summary]);
  return (
    <section aria-label="Differences of two versions" class="version-comparison">
      <h4>What differs</h4>
      <div class="row">
        <VersionChoice label="From version" versions={versions} value={chosen.from} onValue={(one) => onChosen({ ...chosen, from: one })} />
        <VersionChoice label="to version" versions={versions} value={chosen.to} onValue={(one) => onChosen({ ...chosen, to: one })} />
      </div>
      <p>{summary}</p>
      {differences.length > 0 && <DifferenceTable differences={differences.slice(0, MAX_ROWS)} />}
      {differences.length > MAX_ROWS && <p class="quiet">The first {MAX_ROWS} are shown.</p>}
    </section>
  );
}

function VersionChoice({ label, versions, value, onValue }: {
  readonly label: string;
  readonly versions: readonly Version[];
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  const id = useId();
  return (
    <span class="version-choice">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(change) => onValue(change.currentTarget.value)}>
        {versions.map(({ number }) => (
          <option key={number} value={number}>{number}</option>
        ))}
      </select>
    </span>
  );
}

/** The roles are said, as on a phone the cells stand below each other and would be no table to a screen reader. */
export function DifferenceTable({ differences, before: former = "Before", after: latter = "After" }: {
  readonly differences: readonly Difference[];
  /** What the two sides are called. */
  readonly before?: string;
  readonly after?: string;
}) {
  return (
    <div class="stacking">
      <table class="differences stacked" role="table" aria-label="Differences">
        <thead role="rowgroup">
          <tr role="row">
            {["What", "Where", former, latter].map((each) => (
              <th key={each} scope="col" role="columnheader">{each}</th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {differences.map(({ kind, path, before, after }) => (
            <tr key={`${kind} ${path}`} class={kind} role="row">
              <td class="kind" role="cell"><span aria-hidden="true">{SIGNS[kind]}</span> {kind}</td>
              <th scope="row" role="rowheader"><code>{path}</code></th>
              <td role="cell" data-label={former}><Value value={before} /></td>
              <td role="cell" data-label={latter}><Value value={after} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Exactly what is there: a date in words would hide a second's difference. Of what has parts, the words come first. */
function Value({ value }: { readonly value: unknown }) {
  if (value === undefined) return <span class="quiet"><span aria-hidden="true">–</span><span class="unseen">nothing</span></span>;
  if (typeof value === "string") return <span class="wrap">{value}</span>;
  if (typeof value !== "object") return <span class="wrap">{JSON.stringify(value)}</span>;
  const words = wordsOf(value);
  return (
    <>
      {words && <p class="wrap">{words}</p>}
      <pre class="whole">{JSON.stringify(value, null, 1)}</pre>
    </>
  );
}

/** Returns a value in words, a list's elements one after the other; empty for what has parts of its own. */
function wordsOf(value: unknown): string {
  const texts = (Array.isArray(value) ? (value as readonly unknown[]) : [value]).map(valueText);
  return texts.every((each) => each !== null) ? texts.join(", ") : "";
}

function countOf(differences: number): string {
  if (differences === 0) return "no element has another value";
  return `${differences} ${differences === 1 ? "difference" : "differences"}`;
}
