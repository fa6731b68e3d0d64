/** What is said to who does not see it: results, as they come. */

import { signal } from "@preact/signals";

const said = signal("");

/** Has a screen reader say a sentence when it has ended its own. */
export function announce(text: string): void {
  // The same sentence twice is only said twice if it differs.
  said.value = text === said.value ? `${text}\u00a0` : text;
}

export function Announcements() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {said}
    </div>
  );
}
