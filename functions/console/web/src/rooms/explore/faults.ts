/** The rows of a search's form that the server has refused: its OperationOutcome names their parameters. */

import type { SearchParameter } from "../../fhir/capabilities.ts";
import { isoDay } from "../../fhir/typed-dates.ts";
import type { Problem } from "../../service/problem.ts";
import { type Criterion, pairOf, type SearchForm } from "./criteria.ts";

const BAD_REQUEST = 400;
const DATE = /^\d{4}(-\d{2}(-\d{2}(T\S+)?)?)?$/;

/** Returns the server's words by the keys of the rows that they are about; empty if they are about no row.
 *
 * An expression is as in `http.birthdate`: also of a chain, by the parameter at its end.
 */
export function faultsOf(
  problem: Problem | null,
  form: SearchForm,
  parameters: readonly SearchParameter[],
): ReadonlyMap<number, string> {
  const faults = new Map<number, string>();
  if (problem?.status !== BAD_REQUEST) return faults;
  for (const { where, text } of problem.details) {
    const name = /^http\.(.+)$/.exec(where)?.[1];
    if (name === undefined) continue;
    const words = text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
    for (const row of rowsOf(name, form, parameters)) faults.set(row.key, words);
  }
  return faults;
}

function rowsOf(name: string, { criteria }: SearchForm, parameters: readonly SearchParameter[]): readonly Criterion[] {
  const typeOf = (row: Criterion) => parameters.find((each) => each.name === row.parameter)?.type;
  const rows = criteria.filter((row) => {
    const isSent = pairOf(row, parameters.find((each) => each.name === row.parameter)) !== null;
    return isSent && (row.parameter ? row.parameter === name : row.name.split(/[.:]/).includes(name));
  });
  // Of two rows for a period the one that is no date.
  const isDate = (text: string) => DATE.test(text.trim()) || isoDay(text) !== null;
  const wrong = rows.filter((row) => typeOf(row) === "date" && !row.value.split(",").every(isDate));
  return wrong.length ? wrong : rows;
}
