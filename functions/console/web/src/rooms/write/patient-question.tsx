/** Asks whom something is to be written about: nobody is chosen for a person. */

import { useState } from "preact/hooks";

import { noIdText, patientId } from "../../fhir/reference-place.ts";
import { TextField } from "../../parts/fields.tsx";
import { addressOf, go } from "../../shell/router.ts";
import { pathToWriteAbout } from "./place.ts";

export function PatientQuestion({ type }: { readonly type?: string }) {
  const [given, setGiven] = useState("");
  const [fault, setFault] = useState("");
  return (
    <section class="card" aria-labelledby="question-heading">
      <h3 id="question-heading">Whose record?</h3>
      <p>
        <a href={addressOf("record")}>Find the patient</a>, and begin in the record: readings, problems, allergies, medicines and
        immunisations have forms. Or give the patient's id.
      </p>
      <form
        class="opening short"
        onSubmit={(submit) => {
          submit.preventDefault();
          const id = patientId(given);
          setFault(id === null ? noIdText(given) : "");
          if (id !== null) go("write", ...pathToWriteAbout(id, type));
        }}
      >
        <TextField label="The patient's id" value={given} fault={fault} onValue={setGiven} />
        <button type="submit" class="main">Go on</button>
      </form>
    </section>
  );
}
