/** Visits as a table: when, which client, how many requests, and what was seen; each opens to its requests. */

import { useState } from "preact/hooks";

import { accessesOf, deedsText } from "../../fhir/visit-text.ts";
import type { Visit } from "../../fhir/visits.ts";
import { Requests } from "../record/access-list.tsx";
import { clientText } from "./client-text.ts";
import { instantText, timesText } from "./period.ts";

export function VisitTable({ title, what, visits, none }: {
  readonly title: string;
  /** The heading of what was seen or asked for. */
  readonly what: string;
  readonly visits: readonly Visit[];
  /** What is said if there is none. */
  readonly none: string;
}) {
  if (!visits.length) return <p>{none}</p>;
  return (
    <div class="stacking">
      {/* The roles are said, as on a phone the rows are cards and would be no table to a screen reader. */}
      <table class="stacked visits" role="table">
        <caption>{title}: {visits.length}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {["When (UTC)", "Client", "Requests", what].map((each) => <th key={each} scope="col" role="columnheader">{each}</th>)}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {visits.map((each) => <Line key={each.events[0].id} visit={each} what={what} />)}
        </tbody>
      </table>
    </div>
  );
}

function Line({ visit, what }: { readonly visit: Visit; readonly what: string }) {
  const [isOpen, setOpen] = useState(false);
  const { from, to, clientId, clientName, events } = visit;
  return (
    <tr role="row">
      <th scope="row" role="rowheader">{timesText(from, to)}</th>
      <td role="cell" data-label="Client"><span class="wrap">{clientText(clientId, clientName)}</span></td>
      <td role="cell" data-label="Requests"><span>{events.length}</span></td>
      <td role="cell" data-label={what}>
        <div>
          <span class="wrap">{deedsText(visit)}</span>
          <details class="more" onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
            <summary>{events.length === 1 ? "The request" : `The ${events.length} requests`}</summary>
            {isOpen && <div class="visit-requests"><Requests accesses={accessesOf(visit)} when={instantText} /></div>}
          </details>
        </div>
      </td>
    </tr>
  );
}
