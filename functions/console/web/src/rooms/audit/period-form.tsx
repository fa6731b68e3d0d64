/** The question for the period of a report. */

import { useId, useState } from "preact/hooks";

import { go } from "../../shell/router.ts";
import { faultsOf, latestPeriod, type Period } from "./period.ts";

export function PeriodForm({ id, period }: { readonly id: string; readonly period: Period | null }) {
  const [typed, setTyped] = useState(period ?? latestPeriod(Date.now()));
  const [faults, setFaults] = useState<Period>({ from: "", to: "" });
  const show = () => {
    const found = faultsOf(typed);
    setFaults(found);
    if (!found.from && !found.to) go("audit", id, typed.from, typed.to);
  };
  return (
    <form
      class="card period"
      aria-label="Period"
      onSubmit={(submit) => {
        submit.preventDefault();
        show();
      }}
    >
      <div class="period-days">
        <Day label="From" value={typed.from} fault={faults.from} onValue={(from) => setTyped({ ...typed, from })} />
        <Day label="To" value={typed.to} fault={faults.to} onValue={(to) => setTyped({ ...typed, to })} />
        <button type="submit" class="main">Show who saw Patient/{id}</button>
      </div>
      <p class="quiet">Both days are included, in UTC as all times of the report. This look is recorded too.</p>
    </form>
  );
}

function Day({ label, value, fault, onValue }: {
  readonly label: string;
  readonly value: string;
  /** Empty if nothing is wrong. */
  readonly fault: string;
  readonly onValue: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="date"
        value={value}
        aria-invalid={fault !== ""}
        aria-describedby={fault ? `${id}-fault` : undefined}
        onInput={(input) => onValue(input.currentTarget.value)}
      />
      {fault && <span class="fault" id={`${id}-fault`} role="alert">{fault}</span>}
    </div>
  );
}
