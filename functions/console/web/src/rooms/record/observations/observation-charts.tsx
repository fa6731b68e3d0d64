/** Charts of what was measured often, each also as a table. */

import { useState } from "preact/hooks";

import { Chart } from "./chart.tsx";
import { type Group, isImpossible, points } from "./observation-groups.ts";
import { ValueTable } from "./value-table.tsx";

/** Drawn without being chosen: those with most values. */
const DRAWN_AT_ONCE = 2;
const CHOICES_AT_ONCE = 8;

/** `also` is drawn at once besides; `inSummary` says how many a printed summary has room for. */
export function ObservationCharts({ charts, inSummary = charts.length, also }: {
  readonly charts: readonly Group[];
  readonly inSummary?: number | undefined;
  readonly also: (group: Group) => boolean;
}) {
  const [chosen, setChosen] = useState<ReadonlySet<string> | null>(null);
  const drawn = charts.filter((each, place) => place < DRAWN_AT_ONCE || also(each));
  const open = chosen ?? new Set(drawn.map((each) => each.key));
  const shown = charts.filter((each) => open.has(each.key));
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  };
  return (
    <>
      <ChartChoice charts={charts} open={open} onToggle={toggle} />
      <div class="charts">
        {shown.map((each, place) => (
          <ChartFigure key={each.key} group={each} isInSummary={place < inSummary} />
        ))}
      </div>
      {shown.length > inSummary && <p class="in-print">{shown.length - inSummary}{inSummary ? " more" : ""} in the whole record.</p>}
    </>
  );
}

function ChartChoice({ charts, open, onToggle }: {
  readonly charts: readonly Group[];
  readonly open: ReadonlySet<string>;
  readonly onToggle: (key: string) => void;
}) {
  const [isAll, setAll] = useState(false);
  const offered = isAll ? charts : charts.slice(0, CHOICES_AT_ONCE);
  return (
    <div class="chips" role="group" aria-label="Charts to draw">
      {offered.map((each) => (
        <label key={each.key} class="chip">
          <input type="checkbox" checked={open.has(each.key)} onChange={() => onToggle(each.key)} />
          <span>
            {each.title}
            {each.unit && charts.some((one) => one !== each && one.title === each.title) && `, ${each.unit}`}{" "}
            <span class="quiet">{points(each).length}</span>
          </span>
        </label>
      ))}
      {charts.length > offered.length && (
        <button type="button" class="small" onClick={() => setAll(true)}>{charts.length - offered.length} more</button>
      )}
    </div>
  );
}

function ChartFigure({ group, isInSummary }: { readonly group: Group; readonly isInSummary: boolean }) {
  const ranges = group.series.filter((each) => each.range);
  const impossible = group.rows.filter(isImpossible).length;
  return (
    <figure class={`chart ${isInSummary ? "" : "not-in-summary"}`}>
      <figcaption>
        <h3>{group.title}{group.unit && <span class="quiet"> in {group.unit}</span>}</h3>
        {(group.series.length > 1 || ranges.length > 0) && (
          <ul class="chart-legend">
            {group.series.length > 1 &&
              group.series.map((each, place) => (
                <li key={each.label}>
                  <LineSample place={place} /> {each.label}
                </li>
              ))}
            {ranges.map(({ label, range }) => (
              <li key={label}>
                <span class="range-sample" aria-hidden="true" /> Reference range
                {group.series.length > 1 && ` of ${label}`}: {range?.text}
              </li>
            ))}
          </ul>
        )}
      </figcaption>
      <Chart group={group} />
      {impossible > 0 && <p class="doubt"><span aria-hidden="true">◆</span> Without {impossible === 1 ? "a value whose date" : `${impossible} values whose dates`} cannot be: see the table.</p>}
      <ValueTable group={group} />
    </figure>
  );
}

function LineSample({ place }: { readonly place: number }) {
  return (
    <svg class={`line-sample line-${place % 4}`} viewBox="0 0 28 10" aria-hidden="true">
      <path d="M0 5H28" />
      <circle cx="14" cy="5" r="3" />
    </svg>
  );
}
