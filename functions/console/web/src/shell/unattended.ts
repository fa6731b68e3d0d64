/** A session that has ended on a screen that nobody uses: its credential is forgotten, so that it serves nobody else. */

import { effect } from "@preact/signals";

import { forgetCredential, session } from "../service/session.ts";
import { now } from "./clock.ts";
import { sessionEnd } from "./session-ended.tsx";

/** Milliseconds without a key or a click. */
const UNATTENDED = 10 * 60_000;

/** Watches, from now on, when the page was last used. */
export function watchUse(): void {
  let lastUse = Date.now();
  for (const kind of ["pointerdown", "keydown"]) {
    window.addEventListener(kind, () => (lastUse = Date.now()), { capture: true, passive: true });
  }
  effect(() => {
    const one = session.value;
    if (one?.credential && sessionEnd.value && now.value - lastUse >= UNATTENDED) forgetCredential(one);
  });
}
