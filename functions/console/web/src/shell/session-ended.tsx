/** A session that has ended: what it showed is hidden, and renewing it comes back to the same place. */

import { computed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { Renewal } from "../parts/renewal.tsx";
import { endOf, session, type SessionEnd } from "../service/session.ts";
import { announce } from "./announcements.tsx";
import { now } from "./clock.ts";

/** Why the session has ended; null while it lasts, and without one. */
export const sessionEnd = computed(() => session.value && endOf(session.value, now.value));

const TITLES: Readonly<Record<SessionEnd, string>> = {
  expired: "The session has expired",
  revoked: "The token was revoked",
};

export function SessionEnded({ end }: { readonly end: SessionEnd }) {
  const one = session.value;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    announce(`${TITLES[end]}. What it showed is hidden.`);
    // What had the focus is hidden with the rest.
    if (document.activeElement === document.body) heading.current?.focus();
  }, [end]);
  if (!one) return null;
  return (
    <section class="card" aria-labelledby="ended-heading">
      <h2 id="ended-heading" tabIndex={-1} ref={heading}>{TITLES[end]}</h2>
      <p>What it showed is hidden. With a new token this page goes on here; what you have typed is kept.</p>
      <Renewal session={one} />
    </section>
  );
}
