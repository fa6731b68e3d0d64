/** The head of each printed page: whose record it is, who printed it, when, and how much of it. */

import { useEffect, useRef } from "preact/hooks";

import { dateText } from "../../../fhir/dates.ts";
import { isPrintedWhole } from "../../../parts/printing.ts";

export function PrintedBy({ client, whose }: { readonly client: string; readonly whose: string }) {
  const line = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let opened: readonly HTMLDetailsElement[] = [];
    // At once, and not by what Preact draws later: the browser prints what it finds.
    const before = () => {
      const what = isPrintedWhole.value ? "Whole record" : "Summary";
      if (line.current) line.current.textContent = `${what}, printed by ${client} on ${dateText(new Date().toISOString())}.`;
      const folds = isPrintedWhole.value ? "details.fold:not([open])" : ".banner details.fold:not([open])";
      const folded = [...document.querySelectorAll<HTMLDetailsElement>(folds)];
      for (const each of folded) each.open = true;
      opened = [...opened, ...folded];
    };
    const after = () => {
      for (const each of opened) each.open = false;
      opened = [];
    };
    addEventListener("beforeprint", before);
    addEventListener("afterprint", after);
    return () => {
      removeEventListener("beforeprint", before);
      removeEventListener("afterprint", after);
    };
  }, [client, whose]);
  return (
    <div class="printed-by">
      <p><strong>{whose}</strong> <span ref={line} /></p>
    </div>
  );
}
