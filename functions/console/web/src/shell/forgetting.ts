/** What a session that has ended forgets, so that its screen serves nobody else. */

import { computed, effect } from "@preact/signals";

import { exchanges } from "../service/api.ts";
import { expiresIn, expire, session } from "../service/session.ts";
import { now } from "./clock.ts";
import { sessionEnd } from "./session-ended.tsx";

const isExpired = computed(() => session.value !== null && expiresIn(session.value, now.value) <= 0);

/** Watches, from now on, whether the session has ended. */
export function forgetAtTheEnd(): void {
  effect(() => {
    // The calls tell what the rooms hide.
    if (sessionEnd.value) exchanges.value = [];
  });
  effect(() => {
    // Whoever has just revoked a token may still ask what the server knows of it.
    if (!isExpired.value) return;
    exchanges.value = [];
    if (session.value?.credential || session.value?.key) expire(session.value);
  });
}
