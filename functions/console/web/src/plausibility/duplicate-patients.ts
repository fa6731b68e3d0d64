/** Whether somebody who is going to be added has a record already. */

import type { Patient } from "../fhir/clinical.ts";
import { dateText } from "../fhir/dates.ts";
import { bannerName, chosenName, nhsNumberOf, nhsNumberText } from "../fhir/text.ts";
import type { Doubt } from "./doubts.ts";

const SOURCE = "this page's own search by name, date of birth and NHS number, before a patient is added";

/** Returns the doubts about a new patient beside those who were found: one of the same NHS number is the same person. */
export function doubtsAboutDuplicates(added: Patient, found: readonly Patient[]): readonly Doubt[] {
  const number = nhsNumberOf(added.identifier);
  const others = [...new Map(found.map((each) => [each.id, each])).values()];
  return others.map((each) => {
    const isSame = number !== undefined && nhsNumberOf(each.identifier) === number;
    const text = isSame ? `The NHS number ${nhsNumberText(number)} is another record's: ${whoIs(each)}.` : `Somebody like that has a record: ${whoIs(each)}.`;
    return { rule: "patient is already there", text, source: SOURCE, isImpossible: isSame, at: isSame ? "Patient.identifier" : "Patient.name", record: each.id ?? "" };
  });
}

function whoIs({ name, birthDate, identifier, id = "" }: Patient): string {
  const number = nhsNumberOf(identifier);
  const born = birthDate ? `born ${dateText(birthDate)}` : "whose date of birth is not recorded";
  return [bannerName(chosenName(name)) || "without a name", born, number ? `NHS number ${nhsNumberText(number)}` : "no NHS number", `Patient/${id}`].join(", ");
}
