/** What is wrong with a text, whoever says so, and where that is. */

import type { TextFault, TextRange } from "../../../fhir/json-places.ts";
import type { Problem } from "../../../service/problem.ts";
import { type Format, FORMATS } from "../formats.ts";

export interface Fault {
  readonly text: string;
  /** FHIR's expression; empty of a text that is broken, and where the server does not say. */
  readonly where: string;
  /** Null of what is nowhere in the text. */
  readonly range: TextRange | null;
  /** Counted from 1; 0 without a range. */
  readonly line: number;
}

/** Returns why a text cannot be sent in its format. */
export function faultsOfText(text: string, format: Format): readonly Fault[] {
  return FORMATS[format].faultsOf(text).map((each) => placed(text, each.text, "", each));
}

/** Returns what a server has refused a text for. */
export function faultsOfAnswer({ details }: Problem, text: string, format: Format): readonly Fault[] {
  const placeOf = FORMATS[format].placesIn(text);
  return details.map((each) => placed(text, each.text, each.where, placeOf(each.where)));
}

/** Returns what the editor marks. */
export function marksOf(faults: readonly Fault[]): readonly TextFault[] {
  return faults.flatMap(({ text, range }) => (range ? [{ ...range, text }] : []));
}

function placed(text: string, words: string, where: string, range: TextRange | null): Fault {
  const line = range ? text.slice(0, range.from).split("\n").length : 0;
  return { text: words, where, range: range && { from: range.from, to: range.to }, line };
}
