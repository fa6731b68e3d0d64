/** What is printed of a record: its summary, or on request all of it. */

import { signal } from "@preact/signals";

/** What the page shows for printing now; nothing while it is read on the screen. */
export const printed = signal<"" | "summary" | "whole">("");

/** Has the browser print a part of the record: drawn first, as the browser prints what it finds. */
export function printRecord(what: "summary" | "whole"): void {
  printed.value = what;
  // After the frame in which it is drawn.
  requestAnimationFrame(() => setTimeout(() => {
    print();
    printed.value = "";
  }));
}
