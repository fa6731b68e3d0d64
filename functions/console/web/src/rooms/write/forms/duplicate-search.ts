/** How the record of somebody who is going to be added is looked for: by NHS number, and by name and date of birth. */

import type { Patient } from "../../../fhir/clinical.ts";
import { chosenName, NHS_NUMBER, nhsNumberOf } from "../../../fhir/text.ts";

const AT_ONCE = 20;

/** Returns the searches that find whoever may be the same person. */
export function duplicateQueries({ identifier, name, birthDate }: Patient): readonly string[] {
  const number = nhsNumberOf(identifier);
  const { family = "", given = [] } = chosenName(name) ?? {};
  // Of a name that has changed since, the other part finds it. A comma in a name would mean or.
  const words = [family, given[0] ?? ""].map((each) => each.replaceAll(/[\\,|$]+/g, " ").trim()).filter((each) => each !== "");
  const names = (parameter: string, values: readonly string[]) => `${parameter}=${values.map(encodeURIComponent).join(",")}`;
  const born = birthDate ? `&birthdate=${birthDate}` : "";
  const byName = born ? names("name", words) : words.map((each) => names("name", [each])).join("&");
  return [
    ...(number === undefined ? [] : [`Patient?identifier=${encodeURIComponent(`${NHS_NUMBER}|${number}`)}&_count=${AT_ONCE}`]),
    ...(words.length ? [`Patient?${byName}${born}&_count=${AT_ONCE}`] : []),
  ];
}
