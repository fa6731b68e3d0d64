/** Whose token the page holds and how long it lives, in the masthead; and the way out. */

import { exchanges } from "../service/api.ts";
import { end, expiresIn, session } from "../service/session.ts";
import { announce } from "./announcements.tsx";
import { duration, now } from "./clock.ts";
import { addressOf, go } from "./router.ts";

export function SessionBadge() {
  const one = session.value;
  if (!one) return <a class="badge" href={addressOf("token")}>No token</a>;
  const left = expiresIn(one, now.value);
  return (
    <span class="session">
      <span class={left > 0 ? "badge good" : "badge bad"}>
        <span class="clip" title={one.token.claims.client_id}>{one.token.claims.client_id}</span>
        <span class="figures">{left > 0 ? duration(left) : "expired"}</span>
      </span>
      <button type="button" class="plain" onClick={signOut}>Sign out</button>
    </span>
  );
}

/** Forgets the token, the client's secret or key, and the calls that were made with them. */
function signOut(): void {
  end();
  exchanges.value = [];
  announce("Signed out: token, secret and request log are forgotten.");
  go("token");
}
