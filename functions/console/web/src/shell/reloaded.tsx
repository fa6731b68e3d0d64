/** A page that was loaded anew: its session is gone with its memory, and a new token comes back to the same place. */

import { effect, signal } from "@preact/signals";

import { session } from "../service/session.ts";

const isLoadedAnew = performance
  .getEntriesByType("navigation")
  .some((each) => each instanceof PerformanceNavigationTiming && each.type === "reload");

/** Whether nobody has had a session since. */
const isToldOf = signal(isLoadedAnew);

effect(() => {
  if (session.value) isToldOf.value = false;
});

export function Reloaded() {
  if (!isToldOf.value) return null;
  return (
    <p class="notice">
      The page was loaded anew, which ends a session: token and secret are in its memory alone, so that nothing of them stays
      in this browser. With a new token you come back to this place.
    </p>
  );
}
