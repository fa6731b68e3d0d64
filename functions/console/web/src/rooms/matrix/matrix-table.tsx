/** The matrix as a grid: arrow keys go from cell to cell, Enter opens one. */

import { type Signal, useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { SERVED_TYPES } from "../../oauth/grants.ts";
import { CellPanel } from "./cell-panel.tsx";
import { isKept } from "./promise.ts";
import type { Cell, Row } from "./rows.ts";

/** A cell by its row and column. */
export type Place = readonly [row: number, column: number];

export function MatrixTable({ rows }: { readonly rows: readonly Row[] }) {
  const table = useRef<HTMLTableElement>(null);
  const at = useSignal<Place>([0, 0]);
  const opened = useSignal<Place | null>(null);
  const focus = ([row, column]: Place) =>
    table.current?.tBodies[0]?.rows[row]?.cells[column + 1]?.querySelector("button")?.focus();
  const move = (press: KeyboardEvent) => {
    const to = placeAfter(press, at.value, rows.length - 1);
    if (!to) return;
    press.preventDefault();
    focus(to);
  };
  const close = () => {
    const last = opened.value;
    opened.value = null;
    if (last) focus(last);
  };
  const open = opened.value;
  const shown = open && rows[open[0]];
  return (
    <>
      <div class="scroll matrix-scroll" role="region" aria-label="Matrix of clients and types">
        <table class="matrix" role="grid" aria-label="Clients and types" ref={table} onKeyDown={move}>
          {/* The roles are said, as on a narrow screen the rows are cards and would be no grid to a screen reader. */}
          <thead role="rowgroup">
            <tr role="row">
              <th scope="col" role="columnheader">Client</th>
              {SERVED_TYPES.map((type) => (
                <th scope="col" role="columnheader" key={type.name}><span class="upright">{type.name}</span></th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((row, number) => (
              <RowCells key={row.party.clientId} row={row} number={number} at={at} opened={opened} />
            ))}
          </tbody>
        </table>
      </div>
      {shown && <CellPanel key={open.join()} row={shown} column={open[1]} onClose={close} />}
    </>
  );
}

function RowCells({ row, number, at, opened }: {
  readonly row: Row;
  readonly number: number;
  readonly at: Signal<Place>;
  readonly opened: Signal<Place | null>;
}) {
  const reachable = useComputed(() => (at.value[0] === number ? at.value[1] : -1));
  const shown = useComputed(() => (opened.value?.[0] === number ? opened.value[1] : -1));
  const { party, refusal } = row;
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <span class="wrap">{party.name}</span>
        <code class="clip" title={party.clientId}>{party.clientId}</code>
        {party.patient && <span class="quiet wrap">bound to patient {party.patient}</span>}
        {refusal.value && <span class="fault">No token: {refusal.value.title}</span>}
      </th>
      {row.cells.value.map((cell, column) => (
        <td key={cell.question.type.name} role="gridcell" class={lookOf(cell)}>
          <button
            type="button"
            tabIndex={reachable.value === column ? 0 : -1}
            aria-expanded={shown.value === column}
            data-type={cell.question.type.name}
            onFocus={() => (at.value = [number, column])}
            onClick={() => (opened.value = [number, column])}
          >
            <Face cell={cell} />
          </button>
        </td>
      ))}
    </tr>
  );
}

/** Mark and status for the eye; in words, with client and type, for who hears one cell by itself. */
function Face({ cell: { question, verdict, exchange } }: { readonly cell: Cell }) {
  const about = <span class="unseen">{question.party.name}, {question.type.name}: </span>;
  if (verdict === null) return <>{about}<span aria-hidden="true">·</span><span class="unseen">not asked</span></>;
  const mark = { open: "✓", closed: "✗", unclear: "?" }[verdict];
  const kept = isKept(question, verdict);
  return (
    <>
      {about}
      <span aria-hidden="true">{kept ? mark : `${mark}!`}</span>
      <span class="figures">{exchange?.status}</span>
      <span class="unseen"> {verdict}, {kept ? "as promised" : "not as promised"}</span>
    </>
  );
}

function lookOf({ question, verdict }: Cell): string {
  if (verdict === null) return "";
  return isKept(question, verdict) ? verdict : `${verdict} broken`;
}

/** Returns the cell that a key leads to, none if it is no key of the grid's. */
function placeAfter(press: KeyboardEvent, [row, column]: Place, lastRow: number): Place | null {
  const last = SERVED_TYPES.length - 1;
  const whole = press.ctrlKey || press.metaKey;
  switch (press.key) {
    case "ArrowLeft":
      return [row, Math.max(0, column - 1)];
    case "ArrowRight":
      return [row, Math.min(last, column + 1)];
    case "ArrowUp":
      return [Math.max(0, row - 1), column];
    case "ArrowDown":
      return [Math.min(lastRow, row + 1), column];
    case "Home":
      return [whole ? 0 : row, 0];
    case "End":
      return [whole ? lastRow : row, last];
    default:
      return null;
  }
}
