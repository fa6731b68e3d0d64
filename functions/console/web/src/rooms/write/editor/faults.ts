/** What is wrong with a text, whoever says so, and where that is. */

import type { TextFault, TextRange } from "../../../fhir/json-places.ts";
import type { Problem } from "../../../service/problem.ts";
import { type Format, FORMATS } from "../formats.ts";

/** Where something stands in a text. */
export interface Place {
  /** Null of what is nowhere in the text. */
  readonly range: TextRange | null;
  /** Counted from 1; 0 without a range. */
  readonly line: number;
}

export interface Fault extends Place {
  readonly text: string;
  /** FHIR's expression; empty of a text that is broken, and where the server does not say. */
  readonly where: string;
}

/** Returns why a text cannot be sent in its format. */
export function faultsOfText(text: string, format: Format): readonly Fault[] {
  const placed = placing(text);
  return FORMATS[format].faultsOf(text).map(({ from, to, ...each }) => ({ ...each, where: "", ...placed({ from, to }) }));
}

/** Returns what a server has refused a text for. */
export function faultsOfAnswer({ details }: Problem, text: string, format: Format): readonly Fault[] {
  const placeOf = FORMATS[format].placesIn(text);
  const placed = placing(text);
  return details.map(({ text: words, where }) => ({ text: words, where, ...placed(placeOf(where)) }));
}

/** Returns what the editor marks. */
export function marksOf(faults: readonly Fault[]): readonly TextFault[] {
  return faults.flatMap(({ text, range }) => (range ? [{ ...range, text }] : []));
}

/** Returns what gives a range of a text its line. */
export function placing(text: string): (range: TextRange | null) => Place {
  const ends = [...text.matchAll(/\n/g)].map((each) => each.index);
  return (range) => {
    if (!range) return { range, line: 0 };
    const before = ends.findIndex((end) => end >= range.from);
    return { range, line: 1 + (before < 0 ? ends.length : before) };
  };
}
