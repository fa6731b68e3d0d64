/** All values of one measurement as a table, whose rows are cards where there is no room. */

import { Fragment } from "preact";
import { useState } from "preact/hooks";

import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { OpenedEntry } from "../correction/opened-entry.tsx";
import { DoubtLines } from "../doubt-lines.tsx";
import { useOpenRecord } from "../open-record.ts";
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
  const hasRemarks = group.rows.some((each) => each.remarks || each.doubts.length);
  const { resources } = useOpenRecord();
  const [opened, setOpened] = useState("");
  const resource = resources.get(`Observation/${opened}`);
  return (
    <>
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
              <Fragment key={each.id}>
                <tr role="row">
                  <th scope="row" role="rowheader">
                    <button type="button" class="plain value-open" aria-expanded={opened === each.id} onClick={() => setOpened(opened === each.id ? "" : each.id)}>
                      {each.when || "no date"}
                    </button>
                  </th>
                  <td role="cell" data-label="Value"><span>{each.text} <FlagBadges flags={each.flags} /></span></td>
                  {hasRemarks && <td role="cell" data-label="Remarks"><div>{each.remarks} <DoubtLines doubts={each.doubts} /></div></td>}
                </tr>
                {resource && opened === each.id && (
                  <tr role="row">
                    <td role="cell" colSpan={hasRemarks ? 3 : 2}><div class="entry-whole"><OpenedEntry resource={resource} /></div></td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
      {resource && !rows.some((each) => each.id === opened) && <div class="entry-whole"><OpenedEntry resource={resource} /></div>}
    </>
  );
}
