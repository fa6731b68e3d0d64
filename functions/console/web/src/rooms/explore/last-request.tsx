/** The last request of a view as it went, to be copied. */

import { CopyRequest } from "../../parts/copy-request.tsx";
import { StatusBadge } from "../../parts/status-badge.tsx";
import { exchanges, urlOf } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { lastUrls } from "./state.ts";

/** Returns the URL that is called for a path below the FHIR base, or for a link. */
export function fhirUrl(path: string): string {
  return urlOf(/^https?:/.test(path) ? path : `${FHIR_PATH}/${path}`);
}

export function LastRequest({ view }: { readonly view: string }) {
  const one = exchanges.value.findLast((each) => each.url === lastUrls.value[view]);
  if (!one) return null;
  return (
    <section class="card last-request" aria-label="Last request">
      <code class="wrap">
        {one.method} {one.url}
      </code>
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
