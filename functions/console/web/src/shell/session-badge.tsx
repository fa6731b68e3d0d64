/** The client of the page's token and how long that lives, in the masthead; and the way out. */

import { exchanges } from "../service/api.ts";
import { end, endOf, expiresIn, session } from "../service/session.ts";
import { announce } from "./announcements.tsx";
import { duration, now } from "./clock.ts";
import { addressOf, follow, START } from "./router.ts";

export function SessionBadge() {
  const one = session.value;
  if (!one) return <a class="badge" href={addressOf("token")}>No token</a>;
  const ended = endOf(one, now.value);
  return (
    <span class="session">
      <span class={ended ? "badge bad" : "badge good"} title={`${one.clientName} (${one.token.claims.client_id})`}>
        <span class="clip">{one.clientName}</span>
        <span class="figures">{ended ?? duration(expiresIn(one, now.value))}</span>
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
  follow(START);
}
