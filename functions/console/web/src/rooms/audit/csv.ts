/** A disclosure report as CSV: the columns of `careconnect audit report --csv`. */

import { type Disclosures, linesOf, type Visit } from "../../fhir/visits.ts";

const COLUMNS = ["outcome", "from", "to", "client id", "client", "requests", "archive", "what", "why"];

/** Returns the lines of a CSV with a heading: the visits, then what was refused; `archive` is what is known of the archive. */
export function csvLines(found: Disclosures, archive: string): readonly string[] {
  const rows = linesOf(found).map((each) => cells(each, archive).map(plain));
  return [COLUMNS, ...rows].map((row) => row.map(quoted).join(","));
}

function cells({ isAllowed, from, to, clientId, clientName, events, what, why }: Visit, archive: string): readonly string[] {
  return [isAllowed ? "allowed" : "refused", from, to, clientId, clientName, String(events.length), archive, what, why];
}

/** Returns a text that no spreadsheet takes for a formula. */
function plain(text: string): string {
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

/** RFC 4180 §2. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
