/** What is printed of a record: its summary, or on request all of it. */

import { signal } from "@preact/signals";

/** Whether the page is being printed with all that is folded or cut short on the screen. */
export const isPrintedWhole = signal(false);

/** Has the browser print the whole record: drawn whole first, as the browser prints what it finds. */
export function printWhole(): void {
  isPrintedWhole.value = true;
  // After the frame in which it is drawn.
  requestAnimationFrame(() => setTimeout(() => {
    print();
    isPrintedWhole.value = false;
  }));
}
