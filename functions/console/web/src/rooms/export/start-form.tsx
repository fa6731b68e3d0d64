/** What is to be exported: how much of the store, of which types and since when. */

import { useState } from "preact/hooks";

import { ClosedNote } from "../../parts/closed-note.tsx";
import { AS_TYPED, Field } from "../../parts/fields.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { ask } from "../../service/api.ts";
import { clockSkew } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { addJob, jobUrlIn, wanted } from "./jobs.ts";
import { type Faults, faultsOf, kickOffOf, type Wanted, wordsOf } from "./kick-off.ts";
import { closedBy, exportablesOf, type Level } from "./openness.ts";
import { inKickOffWords } from "./problems.ts";
import { TypeChoice } from "./type-choice.tsx";

const LEVELS: readonly (readonly [Level, string])[] = [
  ["all", "Everything"],
  ["patients", "Patients’ records"],
];
const NO_FAULTS: Faults = { types: "", since: "", patients: "" };

export function StartForm({ scope, clientId }: { readonly scope: string; readonly clientId: string }) {
  const now = wanted.value;
  const [faults, setFaults] = useState(NO_FAULTS);
  const task = useTask();
  const closed = closedBy(scope, now.level);
  const types = exportablesOf(scope, now.level);
  const open = types.filter(({ isOpen }) => isOpen).map(({ type }) => type);
  const change = (more: Partial<Wanted>) => (wanted.value = { ...now, ...more });
  const start = () => {
    const found = faultsOf(now, open, Date.now() + clockSkew.value);
    setFaults(found);
    if (Object.values(found).some((each) => each !== "")) return;
    task.run((signal) => inKickOffWords(async () => {
      const { headers } = await ask({ ...kickOffOf(now, open), signal });
      const url = jobUrlIn(headers["content-location"] ?? "");
      if (url === null) throw new TypeError("The server has not said where the export is.");
      announce("The export has started.");
      addJob({ url, clientId, words: wordsOf(now, open), begun: Date.now() });
    }));
  };
  return (
    <form
      class="card export-form"
      aria-labelledby="export-heading"
      onSubmit={(submit) => {
        submit.preventDefault();
        if (!closed) start();
      }}
    >
      <h2 id="export-heading">A new export</h2>
      <p>
        Every resource in the version that is current when the export starts, as files of NDJSON: a resource a line. Whatever
        is written meanwhile is left out.
      </p>
      <fieldset>
        <legend>What</legend>
        <div class="row">
          {LEVELS.map(([level, title]) => (
            <label key={level} class="check">
              <input type="radio" name="level" checked={now.level === level} onChange={() => change({ level })} /> {title}
            </label>
          ))}
        </div>
      </fieldset>
      {closed ? <ClosedNote scope={closed.scope}>{closed.reason}</ClosedNote> : (
        <>
          {now.level === "patients" && <Patients value={now.patients} fault={faults.patients} onValue={(patients) => change({ patients })} />}
          <TypeChoice types={types} without={now.without} fault={faults.types} onWithout={(without) => change({ without })} />
          <Since value={now.since} fault={faults.since} onValue={(since) => change({ since })} />
          <div class="row">
            <button type="submit" class="main" disabled={task.isRunning}>Start the export</button>
            <span class="quiet">It is recorded in the audit trail, with each patient who is in it.</span>
          </div>
        </>
      )}
      <TaskState task={task} again={start}>Starting…</TaskState>
    </form>
  );
}

function Patients({ value, fault, onValue }: FieldProps) {
  return (
    <Field label="Only these patients" fault={fault} hint="Up to 100 ids, with commas or spaces between. Leave it empty for all patients.">
      {(named) => <textarea {...named} {...AS_TYPED} rows={2} value={value} onInput={(input) => onValue(input.currentTarget.value)} />}
    </Field>
  );
}

function Since({ value, fault, onValue }: FieldProps) {
  return (
    <Field
      label="Changed since"
      fault={fault}
      hint="In UTC. Then the files also name what was deleted since. Leave it empty for everything."
    >
      {(named) => (
        <input
          {...named}
          class="export-since"
          type="datetime-local"
          step="any"
          value={value}
          onInput={(input) => onValue(input.currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface FieldProps {
  readonly value: string;
  /** Empty if nothing is wrong. */
  readonly fault: string;
  readonly onValue: (value: string) => void;
}
