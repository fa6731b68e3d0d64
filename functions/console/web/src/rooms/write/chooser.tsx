/** The beginning of the room: what was left unsaved, whose record to write in, a resource to open, and what else is written. */

import { useState } from "preact/hooks";

import { noIdText, patientId } from "../../fhir/reference-place.ts";
import { Choice, TextField } from "../../parts/fields.tsx";
import { addressOf, go } from "../../shell/router.ts";
import { Closed } from "./closed.tsx";
import { unsaved } from "./editor/drafts.ts";
import { touchedForms } from "./forms/form-drafts.ts";
import { FORM_TITLES, isFormType, RECORD_FORM_TYPES } from "./forms/titles.ts";
import { PatientQuestion } from "./patient-question.tsx";
import { BUNDLE, pathOfEditor, pathOfForm, pathToWriteAbout } from "./place.ts";
import { closedReasons, type Rights } from "./rights.ts";
import { needsPatient } from "./starters.ts";

/** What can be written if nobody was chosen. */
export function Chooser({ rights }: { readonly rights: readonly Rights[] }) {
  const others = rights.filter((each) => each.mayCreate && !needsPatient(each.type.name));
  return (
    <>
      <ClosedOnce rights={rights} bound={undefined} />
      <Unsaved />
      {rights.some((each) => each.mayCreate && needsPatient(each.type.name)) && <PatientQuestion />}
      {others.some((each) => each.type.name === "Patient") && (
        <section class="card" aria-labelledby="patient-heading">
          <h3 id="patient-heading">Somebody who has no record yet</h3>
          <p><a href={addressOf("write", ...pathOfForm("Patient", ""))}>{FORM_TITLES.Patient}</a></p>
        </section>
      )}
      <OpenForm rights={rights} />
      {others.length > 0 && (
        <section class="card" aria-labelledby="new-heading">
          <h3 id="new-heading">Create something else</h3>
          <ul class="writable">
            {others.map(({ type }) => (
              <li key={type.name}><a href={addressOf("write", type.name)}>New {type.name}</a></li>
            ))}
          </ul>
        </section>
      )}
      <SeveralAtOnce rights={rights} />
    </>
  );
}

/** What can be written in the record of the patient who was chosen. */
export function RecordChooser({ patient, rights, bound }: {
  readonly patient: string;
  readonly rights: readonly Rights[];
  readonly bound: string | undefined;
}) {
  const open = rights.filter((each) => each.mayCreate && needsPatient(each.type.name)).map((each) => each.type.name);
  const others = open.filter((each) => !isFormType(each));
  return (
    <>
      <ClosedOnce rights={rights} bound={bound} />
      <Unsaved />
      {open.length > others.length && (
        <section class="card" aria-labelledby="forms-heading">
          <h3 id="forms-heading">By a form</h3>
          <ul class="writable">
            {RECORD_FORM_TYPES.filter((each) => open.includes(each)).map((each) => (
              <li key={each}><a href={addressOf("write", ...pathToWriteAbout(patient, each))}>{FORM_TITLES[each]}</a></li>
            ))}
          </ul>
        </section>
      )}
      {others.length > 0 && (
        <section class="card" aria-labelledby="texts-heading">
          <h3 id="texts-heading">As JSON or XML</h3>
          <ul class="writable">
            {others.map((each) => (
              <li key={each}><a href={addressOf("write", ...pathToWriteAbout(patient, each))}>New {each}</a></li>
            ))}
          </ul>
        </section>
      )}
      {bound !== undefined && <OpenForm rights={rights} />}
      {bound !== undefined && <SeveralAtOnce rights={rights} />}
    </>
  );
}

function SeveralAtOnce({ rights }: { readonly rights: readonly Rights[] }) {
  if (!rights.some((each) => each.mayCreate || each.mayUpdate || each.mayDelete)) return null;
  return (
    <section class="card" aria-labelledby="several-heading">
      <h3 id="several-heading">Several at once</h3>
      <p><a href={addressOf("write", BUNDLE)}>Send a Bundle</a></p>
    </section>
  );
}

function ClosedOnce({ rights, bound }: { readonly rights: readonly Rights[]; readonly bound: string | undefined }) {
  return <>{closedReasons(rights, bound).map((each) => <Closed key={each} reason={each} />)}</>;
}

function Unsaved() {
  const texts = unsaved().map((each) => ({
    address: addressOf("write", ...pathOfEditor(each)),
    name: each.id === null ? `New ${each.type}${each.patient === null ? "" : ` for Patient/${each.patient}`}` : `${each.type}/${each.id}`,
  }));
  const forms = touchedForms().map(({ room, path, title }) => ({ address: addressOf(room, ...path), name: title }));
  if (!texts.length && !forms.length) return null;
  return (
    <section class="notice" aria-label="Not saved yet">
      <p>What you have typed is kept in this tab, and not saved yet:</p>
      <ul class="details">
        {[...forms, ...texts].map(({ address, name }) => (
          <li key={address}><a href={address}>{name}</a></li>
        ))}
      </ul>
    </section>
  );
}

function OpenForm({ rights }: { readonly rights: readonly Rights[] }) {
  const changeable = rights.filter((each) => each.mayUpdate || each.mayDelete);
  const readable = changeable.filter((each) => each.mayRead);
  const [chosen, setChosen] = useState("");
  const [given, setGiven] = useState("");
  const [fault, setFault] = useState("");
  const type = readable.some((each) => each.type.name === chosen) ? chosen : readable[0]?.type.name;
  // A reference as it was copied, `Patient/4`, names both.
  const id = given.trim().split("/").at(-1) ?? "";
  const named = readable.find((each) => given.trim().startsWith(`${each.type.name}/`))?.type.name ?? type;
  if (!changeable.length) return null;
  return (
    <section class="card" aria-labelledby="open-heading">
      <h3 id="open-heading">Change or delete one</h3>
      {named === undefined ? (
        <p class="quiet">It is read first, and this token reads nothing that it may change.</p>
      ) : (
        <form
          class="opening"
          onSubmit={(submit) => {
            submit.preventDefault();
            const isWrong = named === "Patient" && patientId(id) === null;
            setFault(isWrong ? noIdText(id) : "");
            if (id && !isWrong) go("write", named, id);
          }}
        >
          <Choice label="Type" value={named} onValue={setChosen}>
            {readable.map((each) => (
              <option key={each.type.name}>{each.type.name}</option>
            ))}
          </Choice>
          <TextField label="Id" value={given} fault={fault} onValue={setGiven} />
          <button type="submit" class="main">Open</button>
        </form>
      )}
    </section>
  );
}
