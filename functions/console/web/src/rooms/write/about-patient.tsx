/** Says about whom something is written, from the patient's own record, before anything can be written. */

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

import type { Patient } from "../../fhir/clinical.ts";
import { ageText, dateText, today } from "../../fhir/dates.ts";
import { bannerName, chosenName, nhsNumberOf, nhsNumberText } from "../../fhir/text.ts";
import { TaskState, useTask } from "../../parts/task.tsx";
import { askFhir } from "../../service/api.ts";
import { ProblemError } from "../../service/problem.ts";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";

/** The patients of whom this room knows already: each look at a record is an access. */
const known = signal<ReadonlyMap<string, Patient>>(new Map());

session.subscribe(() => {
  known.value = new Map();
});

/** Returns a patient of whom this room knows; undefined if the token does not open who it is. */
export function knownPatient(id: string): Patient | undefined {
  return known.value.get(id);
}

/** Takes a patient as it was just written. */
export function meet(patient: Patient): void {
  known.value = new Map(known.value).set(patient.id ?? "", patient);
}

export function AboutPatient({ id, mayRead, children }: {
  readonly id: string;
  readonly mayRead: boolean;
  readonly children: ComponentChildren;
}) {
  const patient = known.value.get(id);
  const task = useTask();
  const read = () =>
    task.run(async (signal) => {
      const found = await askFhir<Patient>(`Patient/${encodeURIComponent(id)}`, { signal }).catch((error: unknown) => {
        throw error instanceof ProblemError ? absent(error, id) : error;
      });
      meet(found);
    });
  useEffect(() => {
    if (mayRead && !patient) read();
  }, [mayRead, id, patient === undefined]);
  if (mayRead && !patient) return <TaskState task={task} again={read}>Reading who that is…</TaskState>;
  return (
    <>
      <section class="card about" aria-label="About whom">
        {patient ? <Facts patient={patient} /> : <p>For <strong>Patient/{id}</strong>. This token does not read who that is: check the id.</p>}
        <a href={addressOf("record", id)}>Back to the record</a>
      </section>
      {children}
    </>
  );
}

function Facts({ patient }: { readonly patient: Patient }) {
  const { birthDate, deceasedBoolean, deceasedDateTime } = patient;
  const number = nhsNumberOf(patient.identifier);
  const isDead = deceasedBoolean === true || deceasedDateTime !== undefined;
  const age = isDead ? "" : ageText(birthDate, today());
  return (
    <p class="wrap">
      For <strong>{bannerName(chosenName(patient.name)) || `Patient/${patient.id ?? ""}, whose name is not recorded`}</strong>
      {isDead && <> <strong class="badge bad">Died {deceasedDateTime && dateText(deceasedDateTime)}</strong></>}
      <span class="about-facts">
        <span>Born {birthDate ? `${dateText(birthDate)}${age && ` (${age})`}` : "on a day that is not recorded"}</span>
        <span>{number ? <>NHS number <span class="figures">{nhsNumberText(number)}</span></> : "No NHS number"}</span>
      </span>
    </p>
  );
}

function absent(error: ProblemError, id: string): ProblemError {
  const { problem } = error;
  if (![404, 410].includes(problem.status)) return error;
  const title = problem.status === 410 ? `Patient/${id} was deleted.` : `There is no Patient/${id}.`;
  return new ProblemError({ ...problem, title, remedy: "Nothing can be written about that patient: choose another." });
}
