/** A patient's observations: charts of what was measured often, the values of what was not, each also as a table. */

import { useMemo, useState } from "preact/hooks";

import type { Observation } from "../../../fhir/clinical.ts";
import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { addressOf } from "../../../shell/router.ts";
import { Chart } from "./chart.tsx";
import { chartable, type Group, groupsOf, points, type Row } from "./observation-groups.ts";

/** Drawn without being chosen: those with most values. */
const DRAWN_AT_ONCE = 2;
const CHOICES_AT_ONCE = 8;
const ROWS_AT_ONCE = 50;
const OTHERS_AT_ONCE = 12;

export function ObservationCharts({ observations }: { readonly observations: readonly Observation[] }) {
  const inError = observations.filter((each) => each.status === "entered-in-error").length;
  const { charts, others } = useMemo(() => chartable(groupsOf(observations)), [observations]);
  const [chosen, setChosen] = useState<ReadonlySet<string> | null>(null);
  const open = chosen ?? new Set(charts.slice(0, DRAWN_AT_ONCE).map((each) => each.key));
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  };
  return (
    <>
      {charts.length > 0 && <ChartChoice charts={charts} open={open} onToggle={toggle} />}
      <div class="charts">
        {charts.filter((each) => open.has(each.key)).map((each) => (
          <ChartFigure key={each.key} group={each} />
        ))}
      </div>
      {others.length > 0 && <OtherValues groups={others} />}
      {inError > 0 && (
        <p class="quiet">
          {inError === 1 ? "One was entered in error and is" : `${inError} were entered in error and are`} on the time line alone.
        </p>
      )}
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

function ChartFigure({ group }: { readonly group: Group }) {
  const ranges = group.series.filter((each) => each.range);
  return (
    <figure class="chart">
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

/** The same for who does not see a chart, or wants the figures. */
function ValueTable({ group }: { readonly group: Group }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="more" onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
      <summary>All {group.rows.length} values of {group.title} as a table</summary>
      {isOpen && (
        <BoundedList items={group.rows} limit={ROWS_AT_ONCE} what="rows">
          {(shown) => <Table group={group} rows={shown} />}
        </BoundedList>
      )}
    </details>
  );
}

function Table({ group, rows }: { readonly group: Group; readonly rows: readonly Row[] }) {
  const hasRemarks = group.rows.some((each) => each.remarks);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Values of ${group.title}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Value</th>
            {hasRemarks && <th scope="col">Remarks</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={each.id}>
              <td><a href={addressOf("explore", "Observation", each.id)}>{each.when || "no date"}</a></td>
              <td>{each.text}</td>
              {hasRemarks && <td>{each.remarks}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What is no number, or was measured once or twice: the latest of each, and those before it. */
function OtherValues({ groups }: { readonly groups: readonly Group[] }) {
  return (
    <>
      <h3>{groups.length === 1 ? "One other value" : "Other values"}</h3>
      <BoundedList items={groups} limit={OTHERS_AT_ONCE} what="values">
        {(shown) => (
          <ul class="value-cards">
            {shown.map((each) => (
              <ValueCard key={each.key} group={each} />
            ))}
          </ul>
        )}
      </BoundedList>
    </>
  );
}

function ValueCard({ group }: { readonly group: Group }) {
  const [latest, ...earlier] = group.rows;
  if (!latest) return null;
  const [only] = group.series;
  return (
    <li class="value-card">
      <span class="quiet">{group.title}</span>
      <strong class="wrap">{latest.text}</strong>
      {latest.remarks && <span>{latest.remarks}</span>}
      {group.series.length === 1 && only?.range && <span class="quiet">reference range {only.range.text}</span>}
      <a href={addressOf("explore", "Observation", latest.id)}>{latest.when || "no date"}</a>
      {earlier.length > 0 && <ValueTable group={group} />}
    </li>
  );
}
