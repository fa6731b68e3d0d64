/** The question for the period of a report. */

import { useState } from "preact/hooks";

import { DayField } from "../../parts/fields.tsx";
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
        <DayField label="From" value={typed.from} fault={faults.from} onValue={(from) => setTyped({ ...typed, from })} />
        <DayField label="To" value={typed.to} fault={faults.to} onValue={(to) => setTyped({ ...typed, to })} />
        <button type="submit" class="main">Show who saw Patient/{id}</button>
      </div>
      <p class="quiet">Both days are included, in UTC as all times of the report. This look is recorded too.</p>
    </form>
  );
}
