/** Room 5: resources are created, changed and deleted, with the server's answers at their places. */

import { useEffect, useRef } from "preact/hooks";

import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import type { RoomProps } from "../room-props.ts";
import { AboutPatient } from "./about-patient.tsx";
import { BundleDesk } from "./bundle/bundle-desk.tsx";
import { Chooser, RecordChooser } from "./chooser.tsx";
import { Closed } from "./closed.tsx";
import { OpenDesk } from "./editor/open-desk.tsx";
import { FormDesk } from "./forms/form-desk.tsx";
import { isFormType } from "./forms/titles.ts";
import { focusHeading, Heading } from "./heading.tsx";
import { PatientQuestion } from "./patient-question.tsx";
import { BUNDLE, pathToWriteAbout, type WritePlace, writePlaceOf } from "./place.ts";
import { type Rights, rightsOf } from "./rights.ts";
import { needsPatient } from "./starters.ts";

export default function WriteRoom({ path }: RoomProps) {
  const one = session.value;
  const address = path.join("/");
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) focusHeading();
    isFirst.current = false;
  }, [address]);
  if (!one) {
    return (
      <p class="notice">
        Writing takes a token with a scope such as <code>user/Patient.write</code>.{" "}
        <a href={addressOf("token")}>Get a token</a>, and come back: it goes along.
      </p>
    );
  }
  const { patient: bound } = one.token.claims;
  const rights = rightsOf(one.scope, bound);
  const place = writePlaceOf(path, bound);
  const mayRead = rights.some((each) => each.type.name === "Patient" && each.mayRead);
  const { patient } = place;
  const isOther = patient !== null && bound !== undefined && patient !== bound;
  const content = <Content key={address} place={place} rights={rights} bound={bound} />;
  return (
    <>
      <Back place={place} />
      <Heading place={place} />
      {isOther ? (
        <Closed reason={`This token is bound to Patient/${bound}, and writes in that record alone.`} />
      ) : patient === null ? (
        content
      ) : (
        <AboutPatient key={patient} id={patient} mayRead={mayRead}>{content}</AboutPatient>
      )}
    </>
  );
}

function Back({ place: { patient, type } }: { readonly place: WritePlace }) {
  if (patient !== null && type !== undefined) return <a href={addressOf("write", ...pathToWriteAbout(patient))}>Write something else in this record</a>;
  return type === undefined && patient === null ? null : <a href={addressOf("write")}>Another type or resource</a>;
}

function Content({ place, rights, bound }: { readonly place: WritePlace; readonly rights: readonly Rights[]; readonly bound: string | undefined }) {
  const { patient, type, id, isForm } = place;
  if (type === undefined) {
    return patient === null ? <Chooser rights={rights} /> : <RecordChooser patient={patient} rights={rights} bound={bound} />;
  }
  if (type === BUNDLE) return <BundleDesk rights={rights} bound={bound} />;
  const own = rights.find((each) => each.type.name === type);
  if (!own) return <p class="notice">The service has no type of that name, or does not write it.</p>;
  const closed = own.mayCreate ? null : <Closed reason={own.closed} />;
  if (id === null && patient === null && needsPatient(type)) return closed ?? <PatientQuestion type={type} />;
  if (isForm && isFormType(type)) return closed ?? <FormDesk type={type} patient={patient ?? ""} rights={own} />;
  return <OpenDesk place={{ type, id, patient }} rights={own} />;
}
