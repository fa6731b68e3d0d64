/** Who the record is about, after the NHS's patient banner. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import type { Patient } from "../../../fhir/clinical.ts";
import { today } from "../../../fhir/dates.ts";
import { addressText, contactText } from "../../../fhir/text.ts";
import { VersionHistory } from "../../../parts/versions/version-history.tsx";
import { isInError } from "../correction/in-error.ts";
import { EntryActs, lineOf } from "../correction/opened-entry.tsx";
import type { Entry } from "../entries/entries.ts";
import type { Named } from "../names.ts";
import { bornText, deathText, nhsNumber, patientName } from "../patient-summary.ts";
import type { Standing } from "../sections.ts";
import { BannerAllergies } from "./banner-allergies.tsx";
import { MOST_CONTACTS } from "./printable.ts";

export function PatientBanner({ patient, named, allergies, standing }: {
  readonly patient: Patient;
  readonly named: Named;
  readonly allergies: readonly Entry[];
  readonly standing: Standing;
}) {
  const [isOpen, setOpen] = useState(false);
  const number = nhsNumber(patient);
  const death = deathText(patient);
  const id = patient.id ?? "";
  return (
    <section class="card banner" aria-labelledby="patient-name">
      <div class="banner-head">
        <h2 id="patient-name" class="wrap">{patientName(patient)}</h2>
        {death && <strong class="badge bad">{death}</strong>}
        {patient.active === false && <strong class="badge bad">This record is not in use</strong>}
        <dl class="banner-facts who">
          <Fact label="Born">{bornText(patient, today())}</Fact>
          <Fact label="Gender">{patient.gender ?? "not recorded"}</Fact>
          <Fact label="NHS number">
            {number ? (
              <>
                <span class="figures">{number.text}</span>{" "}
                <span class={`badge ${number.isVerified ? "good" : "bad"}`}>{number.status}</span>
              </>
            ) : (
              "not recorded"
            )}
          </Fact>
        </dl>
        <details class="more fold">
          <summary>Details, correct</summary>
          <dl class="banner-facts">
            <Several label="Address" values={(patient.address ?? []).map(addressText)} />
            <Several label="Phone and mail" values={(patient.telecom ?? []).map(contactText)} />
            <Several label="GP" values={(patient.generalPractitioner ?? []).map(named)} />
            <Fact label="Practice">{named(patient.managingOrganization) || "not recorded"}</Fact>
          </dl>
          <EntryActs resource={patient} />
          <div class="row">
            <button type="button" class="small" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
              Versions of Patient/{id}
            </button>
          </div>
          {isOpen && (
            <VersionHistory type="Patient" id={id} latest={patient.meta?.versionId} lineOf={(one) => lineOf(one, named)} isVoid={isInError} />
          )}
        </details>
      </div>
      <BannerAllergies entries={allergies} standing={standing} />
    </section>
  );
}

function Fact({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Several({ label, values }: { readonly label: string; readonly values: readonly string[] }) {
  const said = values.filter((each) => each !== "");
  return (
    <Fact label={label}>
      {said.map((each, place) => (
        <span key={each} class={`banner-line wrap ${place < MOST_CONTACTS ? "" : "not-in-summary"}`}>{each}</span>
      ))}
      {said.length === 0 && "not recorded"}
      {said.length > MOST_CONTACTS && <span class="in-summary">{said.length - MOST_CONTACTS} more in the whole record.</span>}
    </Fact>
  );
}
