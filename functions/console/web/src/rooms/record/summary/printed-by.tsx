/** The line that only a printed record has: who printed it, whose it is, and when. */

import { useEffect, useRef } from "preact/hooks";

import { dateText } from "../../../fhir/dates.ts";

export function PrintedBy({ client, whose }: { readonly client: string; readonly whose: string }) {
  const line = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    let opened: readonly HTMLDetailsElement[] = [];
    // At once, and not by what Preact draws later: the browser prints what it finds.
    const before = () => {
      if (line.current) line.current.textContent = `${whose}. Printed by ${client} on ${dateText(new Date().toISOString())}.`;
      const folded = [...document.querySelectorAll<HTMLDetailsElement>("details.fold:not([open])")];
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
  return <p class="printed-by" ref={line} />;
}
