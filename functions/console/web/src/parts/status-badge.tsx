/** A request's status: its number, or what became of it. Never told by its colour alone. */

import type { Exchange } from "../service/exchange.ts";

export function StatusBadge({ one }: { readonly one: Pick<Exchange, "status" | "state"> }) {
  const kind = one.state === "under way" ? "" : one.status >= 200 && one.status < 400 ? "good" : "bad";
  return <span class={`badge ${kind}`}>{one.status || one.state}</span>;
}
