/** All values of one measurement as a table, whose rows are cards where there is no room. */

import { useState } from "preact/hooks";

import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { addressOf } from "../../../shell/router.ts";
import { FlagBadges } from "./flag-badges.tsx";
import type { Group, Row } from "./observation-groups.ts";

const ROWS_AT_ONCE = 50;

/** The same for who does not see a chart, or wants the figures. */
export function ValueTable({ group }: { readonly group: Group }) {
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

/** The roles are said, as on a phone the cells stand below each other and would be no table to a screen reader. */
function Table({ group, rows }: { readonly group: Group; readonly rows: readonly Row[] }) {
  const hasRemarks = group.rows.some((each) => each.remarks);
  return (
    <div class="stacking" role="region" aria-label={`Values of ${group.title}`}>
      <table class="stacked values-table" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">When</th>
            <th scope="col" role="columnheader">Value</th>
            {hasRemarks && <th scope="col" role="columnheader">Remarks</th>}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((each) => (
            <tr key={each.id} role="row">
              <th scope="row" role="rowheader"><a href={addressOf("explore", "Observation", each.id)}>{each.when || "no date"}</a></th>
              <td role="cell" data-label="Value"><span>{each.text} <FlagBadges flags={each.flags} /></span></td>
              {hasRemarks && <td role="cell" data-label="Remarks"><span>{each.remarks}</span></td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
