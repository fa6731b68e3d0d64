/** The last request of a view as it went, to be copied. */

import { CopyRequest } from "../../parts/copy-request.tsx";
import { StatusBadge } from "../../parts/status-badge.tsx";
import { asSent, exchanges, urlOf } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { type LastCall, lastCalls } from "./state.ts";

/** Returns the call that a path below the FHIR base, or a link, becomes. */
export function callOf(path: string): LastCall {
  return asSent({ method: "GET", url: urlOf(/^https?:/.test(path) ? path : `${FHIR_PATH}/${path}`), headers: {}, body: "" });
}

export function LastRequest({ view }: { readonly view: string }) {
  const call = lastCalls.value[view];
  const one = exchanges.value.findLast((each) => each.url === call?.url && each.body === call.body);
  if (!one) return null;
  return (
    <section class="card last-request" aria-label="Last request">
      <code class="wrap">
        {one.method} {one.url}
      </code>
      {one.body && <code class="wrap">{one.body}</code>}
      <div class="row apart">
        <CopyRequest one={one} />
        <span class="row">
          <StatusBadge one={one} />
          <span class="quiet figures">{one.state === "under way" ? "…" : `${one.milliseconds} ms`}</span>
        </span>
      </div>
    </section>
  );
}
