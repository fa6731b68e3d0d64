/** Accesses to a record as a table: when, who, what was asked, and what came of it. */

import type { RefObject } from "preact";

import { type Access, isMasked } from "../../fhir/audit-event.ts";
import { dateText } from "../../fhir/dates.ts";
import { addressOf } from "../../shell/router.ts";

/** How each outcome looks; its word stands beside, for who sees no colour. */
const MARKS: Readonly<Record<Access["outcome"], readonly [sign: string, kind: string]>> = {
  allowed: ["✓", "good"],
  refused: ["⊘", "bad"],
  failed: ["✗", "bad"],
  "not known": ["?", ""],
};

/** The roles are said, as on a phone the cells stand below each other and would be no table to a screen reader. */
export function AccessTable({ accesses, table }: {
  readonly accesses: readonly Access[];
  readonly table: RefObject<HTMLTableElement | null>;
}) {
  return (
    <>
      <div class="stacking">
        <table class="accesses stacked" role="table" aria-label="Accesses to this record" ref={table}>
          <thead role="rowgroup">
            <tr role="row">
              {["When", "Who", "Asked to", "Outcome"].map((each) => (
                <th key={each} scope="col" role="columnheader">{each}</th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {accesses.map((each) => (
              <AccessRow key={each.id} access={each} />
            ))}
          </tbody>
        </table>
      </div>
      {accesses.some(isMasked) && (
        <p class="quiet">A name, number or other personal value that was searched for is not recorded: *** stands for it.</p>
      )}
    </>
  );
}

function AccessRow({ access }: { readonly access: Access }) {
  const { id, at, who, deed, what, outcome, why } = access;
  const [sign, kind] = MARKS[outcome];
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <a class="figures" href={addressOf("explore", "AuditEvent", id)}>{at ? dateText(at) : "no date"}</a>
      </th>
      <td role="cell" data-label="Who"><span>{who ? <code>{who}</code> : "not known"}</span></td>
      <td role="cell" data-label="Asked to"><span>{deed} {what && <code>{what}</code>}</span></td>
      <td role="cell" data-label="Outcome">
        <span>
          <span class={`badge ${kind}`}><span aria-hidden="true">{sign}</span> {outcome}</span> {why}
        </span>
      </td>
    </tr>
  );
}

/** Moves the focus to the row of a number, from 0, if the table has it. */
export function focusRow(table: HTMLTableElement | null, number: number): void {
  table?.tBodies[0]?.rows[number]?.querySelector("a")?.focus();
}
