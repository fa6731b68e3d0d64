/** What a correction, and "entered in error", make of every resource in folders of NDJSON, for the server to judge. Run, it prints them. */

import { existsSync, readFileSync } from "node:fs";

import type { Resource } from "../src/fhir/datatypes.ts";
import { correctablesOf, correctedText } from "../src/rooms/record/correction/correctable.ts";
import { beginOf, fieldsOf } from "../src/rooms/write/forms/elements.ts";
import { inErrorText, notInErrorText } from "../src/rooms/record/correction/in-error.ts";
import { type CorrectedType, RECORD_TYPES } from "../src/rooms/record/record-plan.ts";
import type { Field, Values } from "../src/rooms/write/forms/form.ts";

const NOW = "2026-12-01T02:30:00Z";
const named = () => "A medicine";

/** Returns another value than the recorded one that a person could type. */
function another({ kind, choices = [], range, unit }: Field, recorded: string): string {
  if (kind === "nhs-number") return "9434765919";
  // A number without a unit is a count.
  if (kind === "decimal" && unit === "") return String(Number(recorded) + 1);
  if (kind === "decimal") return String(range ? Math.min(range[1], Number(recorded) + 1) : Number(recorded) + 1.5);
  if (kind === "date") return recorded || "2026-06-01";
  if (kind === "partial-date") return recorded.length === 4 ? "1999" : "1999-01";
  if (kind === "time") return "09:05";
  if (kind === "choice") return choices.find(([code]) => code !== recorded && code !== "")?.[0] ?? recorded;
  return kind === "snomed" ? "22298006" : `${recorded} <&> é`;
}

/** Returns the text in which every element is corrected. Statuses stay: what another one asks for is the person's to say. */
export function allCorrected(type: CorrectedType, text: string): string | null {
  const correctables = correctablesOf(JSON.parse(text) as Resource, named);
  const begun = beginOf(correctables);
  const isStatus = ({ name }: Field) => /status$/i.test(name);
  const typed: Values = { ...begun, reason: "A test" };
  // Once for the fields that are there, once more for those that come with what was typed.
  const values = [1, 2].reduce<Values>(
    (before) => ({ ...before, ...Object.fromEntries(fieldsOf(correctables, before).filter((each) => !isStatus(each)).map((each) => [each.name, another(each, begun[each.name] ?? "")])) }),
    typed,
  );
  return correctedText(type, text, correctables, { ...values, "period-end": begun["period-end"] ?? "", deceased: begun["deceased"] ?? "" }, NOW);
}

if (import.meta.main) {
  for (const folder of process.argv.slice(2)) {
    for (const type of ["Patient", ...RECORD_TYPES] as const) {
      const path = `${folder}/${type}.ndjson`;
      for (const text of existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line.trim()) : []) {
        const inError = inErrorText(type, text, "A test", NOW);
        const back = notInErrorText(type, inError, JSON.parse(text) as Resource, "A test", NOW);
        const made = { inError, back, corrected: allCorrected(type, text) };
        process.stdout.write(`${JSON.stringify({ path: `${type}/${String((JSON.parse(text) as Resource).id)}`, ...made })}\n`);
      }
    }
  }
}
