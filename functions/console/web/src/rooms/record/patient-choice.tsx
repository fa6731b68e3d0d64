/** Choice of a patient by a search; for a record the first that the token finds are offered too. */

import { useEffect, useId, useState } from "preact/hooks";

import type { Patient } from "../../fhir/clinical.ts";
import type { Bundle } from "../../fhir/datatypes.ts";
import { today } from "../../fhir/dates.ts";
import { entriesOf, nextOf, resourcesOf } from "../../fhir/bundle.ts";
import { noIdText, patientId } from "../../fhir/reference-place.ts";
import { lettersOf, scopeFor } from "../../oauth/grants.ts";
import { ClosedNote } from "../../parts/closed-note.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { askFhir } from "../../service/api.ts";
import type { Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import type { RoomId } from "../../shell/room-ids.ts";
import { addressOf, go } from "../../shell/router.ts";
import { FORM_TITLES } from "../write/forms/titles.ts";
import { pathOfForm } from "../write/place.ts";
import { byShownName, otherFamilyNames, type Understood, understood } from "./patient-search.ts";
import { bornText, deathText, nhsNumber, patientName } from "./patient-summary.ts";

const AT_ONCE = 12;
const NOBODY: Understood = { queries: [], remark: "", choices: [] };
const ALL: Understood = { queries: [`Patient?_sort=family&_count=${AT_ONCE}`], remark: "", choices: [] };

/** `room` is opened for whom is chosen. */
export function PatientChoice({ session, room = "record" }: { readonly session: Session; readonly room?: RoomId }) {
  const { scope } = session.token.claims;
  const letters = lettersOf(scope, "Patient");
  const mayAdd = room === "record" && session.token.claims.patient === undefined && letters.has("c");
  // The audit trail of each who is listed has the search: a report asks for nobody by itself.
  if (letters.has("s")) return <PatientSearch room={room} mayAdd={mayAdd} offersFirst={room === "record"} />;
  return <PatientById room={room} missing={scopeFor(scope, "Patient", letters.has("r") ? "s" : "read")} />;
}

interface Found {
  readonly patients: readonly Patient[];
  readonly next: string | undefined;
  /** What was typed; empty for the first of all. */
  readonly typed: string;
  /** How that was read, and what to type instead where it can mean several. */
  readonly remark: string;
  readonly choices: readonly string[];
}

function PatientSearch({ room, mayAdd, offersFirst }: {
  readonly room: RoomId;
  readonly mayAdd: boolean;
  /** Whether an empty box stands for the first of all. */
  readonly offersFirst: boolean;
}) {
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState<Found | null>(null);
  const [fault, setFault] = useState("");
  const task = useTask();
  const search = (text: string) => {
    const { queries, remark, choices } = text ? understood(text, today(), AT_ONCE) : offersFirst ? ALL : NOBODY;
    setFault(queries.length ? "" : remark);
    if (!queries.length) {
      task.clear();
      setFound(null);
      return;
    }
    task.run(async (signal) => {
      const pages = await Promise.all(queries.map((each) => askFhir<Bundle>(each, { signal })));
      const patients = pages.flatMap(patientsOf);
      // Only one of several searches has more than a page: an id is one patient's.
      const next = pages.map(nextOf).find((each) => each !== undefined);
      setFound({ patients: withoutDoubles(patients), next, typed: text, remark, choices });
      if (text) announce(`${remark} ${patients.length ? `${patients.length} found.` : `Nobody is found for ${text}.`}`.trim());
    });
  };
  const choose = (choice: string) => {
    setTyped(choice);
    search(choice);
  };
  const more = (known: Found, link: string) =>
    task.run(async (signal) => {
      const page = await askFhir<Bundle>(link, { signal });
      setFound({ ...known, patients: withoutDoubles([...known.patients, ...patientsOf(page)]), next: nextOf(page) });
    });
  useEffect(() => {
    search("");
  }, []);
  return (
    <section class="card" aria-labelledby="choice-heading">
      <h2 id="choice-heading">Whose record?</h2>
      <SearchForm label="Name, date of birth, NHS number or id" act="Find" value={typed} fault={fault} onValue={setTyped} onSubmit={() => search(typed.trim())} />
      <TaskState task={task} again={() => search(typed.trim())}>Looking for patients…</TaskState>
      {found && (
        <>
          {found.remark && <p class="notice">{found.remark}</p>}
          {found.choices.length > 0 && (
            <div class="row" role="group" aria-label={found.remark}>
              {found.choices.map((each) => <button key={each} type="button" class="small" onClick={() => choose(each)}>{each}</button>)}
            </div>
          )}
          <p class="quiet">{headingOf(found)}</p>
          <ul class="patients">
            {byShownName(found.patients).map((each) => (
              <li key={each.id}>
                <PatientLink patient={each} room={room} />
              </li>
            ))}
          </ul>
          {found.typed && mayAdd && (
            <p>Nobody of these? <a href={addressOf("write", ...pathOfForm("Patient", ""))}>{FORM_TITLES.Patient}</a></p>
          )}
          {found.next && (
            <div><button type="button" onClick={() => found.next && more(found, found.next)} disabled={task.isRunning}>More patients</button></div>
          )}
        </>
      )}
    </section>
  );
}

function headingOf({ typed, patients, next }: Found): string {
  const count = patients.length;
  if (!count) return typed ? `Nobody is found for “${typed}”.` : "This token opens no patient.";
  const which = typed ? `found for “${typed}”` : "that this token opens";
  if (next) return `${count} of the patients ${which}, by name. There are more.`;
  return `${count === 1 ? "One patient" : `${count} patients`} ${which}${count === 1 ? "" : ", by name"}:`;
}

function PatientLink({ patient, room }: { readonly patient: Patient; readonly room: RoomId }) {
  const number = nhsNumber(patient);
  const death = deathText(patient);
  const others = otherFamilyNames(patient);
  return (
    <a class="button patient-link" href={addressOf(room, patient.id ?? "")}>
      <strong class="wrap">{patientName(patient)}</strong>
      {others.length > 0 && <span class="quiet wrap">also {others.join(", ")}</span>}
      <span class="quiet">Born {bornText(patient, today())}</span>
      {death && <span>{death}</span>}
      <span class="quiet">
        {number ? <>NHS number <span class="figures">{number.text}</span></> : "No NHS number"}
        <span class="wrap"> · Patient/{patient.id}</span>
      </span>
    </a>
  );
}

/** For a token that finds nobody: a record is named by its id. */
function PatientById({ room, missing }: { readonly room: RoomId; readonly missing: string }) {
  const [typed, setTyped] = useState("");
  const [fault, setFault] = useState("");
  const open = () => {
    const id = patientId(typed);
    setFault(id === null ? noIdText(typed) : "");
    if (id !== null) go(room, id);
  };
  return (
    <section class="card" aria-labelledby="choice-heading">
      <h2 id="choice-heading">Whose record?</h2>
      <ClosedNote scope={missing}>
        This token does not search for patients; what else it opens of a record can be seen by the patient's id.
      </ClosedNote>
      <SearchForm label="The patient's id" act="Open" value={typed} fault={fault} onValue={setTyped} onSubmit={open} />
    </section>
  );
}

function SearchForm({ label, act, value, fault = "", onValue, onSubmit }: {
  readonly label: string;
  readonly act: string;
  readonly value: string;
  /** What is wrong with the value; empty if nothing is. */
  readonly fault?: string;
  readonly onValue: (value: string) => void;
  readonly onSubmit: () => void;
}) {
  const id = useId();
  return (
    <form
      class="patient-search"
      role="search"
      onSubmit={(submit) => {
        submit.preventDefault();
        onSubmit();
      }}
    >
      <div class="field">
        <label for={id}>{label}</label>
        <input
          id={id}
          type="search"
          autocomplete="off"
          spellcheck={false}
          value={value}
          aria-invalid={fault !== ""}
          aria-describedby={fault ? `${id}-fault` : undefined}
          onInput={(input) => onValue(input.currentTarget.value)}
        />
      </div>
      <button type="submit" class="main">{act}</button>
      {fault && <p class="fault" id={`${id}-fault`} role="alert">{fault}</p>}
    </form>
  );
}

function patientsOf(page: Bundle): readonly Patient[] {
  return resourcesOf(entriesOf(page, "match")).filter((each): each is Patient => each.resourceType === "Patient");
}

function withoutDoubles(patients: readonly Patient[]): readonly Patient[] {
  return [...new Map(patients.map((each) => [each.id, each])).values()];
}
