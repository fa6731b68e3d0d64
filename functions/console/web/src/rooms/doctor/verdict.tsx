/** What the doctor says first: the first fault, and how many more there are. */

import { type Check, firstFault } from "../../oauth/checks.ts";

/** Returns the first fault in one line, or that there is none to be seen. */
export function headlineOf(checks: readonly Check[]): string {
  const fault = firstFault(checks);
  return fault ? `${fault.name}: ${fault.said}` : "Nothing is wrong that can be seen from here.";
}

export function Verdict({ label, checks }: { readonly label: string; readonly checks: readonly Check[] }) {
  const fault = firstFault(checks);
  const more = checks.filter((each) => each.state === "wrong").length - 1;
  return (
    <section class={fault ? "notice bad" : "notice good"} aria-label={label}>
      <h3 class="wrap">{headlineOf(checks)}</h3>
      {fault && <p class="wrap">{fault.remedy}</p>}
      {more > 0 && <p>{more === 1 ? "One more thing is wrong" : `${more} more things are wrong`}, told below.</p>}
    </section>
  );
}
