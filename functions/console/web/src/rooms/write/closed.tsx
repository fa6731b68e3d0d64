/** What the token may not do, as closed, and the way to another token. */

import { addressOf } from "../../shell/router.ts";

export function Closed({ reason }: { readonly reason: string }) {
  return (
    <p class="closed-note">
      <ClosedBadge /> {reason} <a href={addressOf("token")}>Get another token</a>
    </p>
  );
}

export function ClosedBadge() {
  return (
    <span class="badge">
      <span aria-hidden="true">⊘</span> closed
    </span>
  );
}
