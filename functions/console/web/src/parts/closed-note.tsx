/** What the token does not open: said as closed, with the scope that is missing, and never as empty. */

import type { ComponentChildren } from "preact";

import { addressOf } from "../shell/router.ts";

export function ClosedNote({ scope, children }: { readonly scope: string; readonly children: ComponentChildren }) {
  return (
    <p class="closed-note">
      <span class="badge"><span aria-hidden="true">⊘</span> closed</span>{" "}
      {children} It takes a scope such as <code>{scope}</code>. <a href={addressOf("token")}>Get another token</a>
    </p>
  );
}
