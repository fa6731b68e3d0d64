/** The head of each printed page: whose record it is, who printed it, when, how much of it, and what was not read. */

import { options } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";

import { dateText } from "../../../fhir/dates.ts";
import { printed } from "../../../parts/printing.ts";

export function PrintedBy({ client, name, who, missing }: {
  readonly client: string;
  readonly name: string;
  /** NHS number and date of birth. */
  readonly who: string;
  /** What of the record is not there to be printed; empty if all is. */
  readonly missing: string;
}) {
  useEffect(() => {
    // By the browser's own command what is printed is the summary.
    const before = () => {
      if (!printed.value) drawnAtOnce(() => (printed.value = "summary"));
    };
    const after = () => {
      printed.value = "";
    };
    addEventListener("beforeprint", before);
    addEventListener("afterprint", after);
    return () => {
      removeEventListener("beforeprint", before);
      removeEventListener("afterprint", after);
    };
  }, []);
  const what = printed.value;
  useLayoutEffect(() => (what ? foldFor(what) : undefined), [what]);
  return (
    <div class="printed-by">
      <p><strong class="whose wrap">{name}</strong></p>
      <p>
        <strong>{who}</strong>{" "}
        {what && `${what === "whole" ? "Whole record" : "Summary"}, printed by ${client} on ${dateText(new Date().toISOString())}.`}
      </p>
      {missing && <p><strong>{missing}</strong></p>}
    </div>
  );
}

/** Has Preact draw what changes before this returns, and not a moment later: the browser prints what it finds. */
function drawnAtOnce(change: () => void): void {
  options.debounceRendering = (draw) => draw();
  change();
  delete options.debounceRendering;
}

/** Opens what is printed and closes what is not, and returns how to undo that. */
function foldFor(what: "summary" | "whole"): () => void {
  const folds = [...document.querySelectorAll<HTMLDetailsElement>(".record details.fold")];
  const changed = folds.filter((each) => each.open !== (what === "whole" || each.closest(".banner") !== null));
  for (const each of changed) each.open = !each.open;
  return () => {
    for (const each of changed) each.open = !each.open;
  };
}
