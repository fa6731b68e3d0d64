/** One cell, opened: what was asked, what came, whether that is as promised, and why. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ExchangeDetail } from "../../parts/exchange-detail.tsx";
import { StatusBadge } from "../../parts/status-badge.tsx";
import { isKept, reasonOf } from "./promise.ts";
import type { Cell, Row } from "./rows.ts";

export function CellPanel({ row, column, onClose }: {
  readonly row: Row;
  readonly column: number;
  readonly onClose: () => void;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [revealed, setRevealed] = useState(false);
  useEffect(() => heading.current?.focus(), []);
  const cell = row.cells.value[column];
  if (!cell) return null;
  const { question, exchange } = cell;
  return (
    <section
      class="cell-panel"
      aria-labelledby="cell-heading"
      onKeyDown={(press) => {
        if (press.key === "Escape") onClose();
      }}
    >
      <div class="row apart">
        <h3 id="cell-heading" tabIndex={-1} ref={heading}>
          <span class="wrap">{question.party.name}: {question.type.name}</span>
        </h3>
        <button type="button" class="small" onClick={onClose}>Close</button>
      </div>
      <p class="row">
        {exchange && <StatusBadge one={exchange} />}
        <span>{outcomeOf(cell, row)}</span>
      </p>
      <p class="wrap">{reasonOf(question)}</p>
      {question.party.patient && <p>Being bound to one patient, it finds what is theirs alone.</p>}
      {exchange && (
        <>
          <label class="check">
            <input type="checkbox" checked={revealed} onChange={() => setRevealed(!revealed)} /> Show the token
          </label>
          <ExchangeDetail one={exchange} revealed={revealed} />
        </>
      )}
    </section>
  );
}

function outcomeOf({ question, verdict, exchange }: Cell, row: Row): string {
  const asked = `GET ${question.path}`;
  if (verdict === null) {
    const refusal = row.refusal.value;
    return refusal ? `Not asked, for there is no token. ${refusal.title} ${refusal.remedy}` : `Not asked yet. It will be ${asked}.`;
  }
  const told = { open: "the server lets it through", closed: "the server refuses it", unclear: "that tells nothing of the scopes" }[verdict];
  const kept = isKept(question, verdict) ? "As promised." : "Not as promised.";
  return `${asked}: ${exchange?.status ?? ""}, ${told}. ${kept}`;
}
