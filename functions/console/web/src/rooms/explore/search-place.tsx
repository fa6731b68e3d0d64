/** A type's search: the form, the request as it went, and what was found. */

import { useEffect, useMemo, useRef } from "preact/hooks";

import type { TypeCapability } from "../../fhir/capabilities.ts";
import { nextOf } from "../../fhir/bundle.ts";
import type { Bundle } from "../../fhir/datatypes.ts";
import { conditionOf, grantOf, scopeFor } from "../../oauth/grants.ts";
import { TaskState, useTask } from "../../parts/task.tsx";
import { askFhir } from "../../service/api.ts";
import { session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { addressOf, go } from "../../shell/router.ts";
import { pairsOf, queryOf } from "./criteria.ts";
import { faultsOf } from "./faults.ts";
import { callOf, LastRequest } from "./last-request.tsx";
import { Results } from "./results.tsx";
import { SearchFields } from "./search-fields.tsx";
import { countOf } from "./search-page.ts";
import { formOf, foundOf, keepCall, keepForm, keepFound } from "./state.ts";

export function SearchPlace({ capability, types, selected }: {
  readonly capability: TypeCapability;
  readonly types: readonly TypeCapability[];
  /** The id of the match that is shown beside the others, empty for none. */
  readonly selected: string;
}) {
  const { type, searchParam = [] } = capability;
  const task = useTask();
  const heading = useRef<HTMLHeadingElement>(null);
  const form = formOf(capability);
  const found = foundOf(type);
  const faults = useMemo(() => faultsOf(task.problem, form, searchParam), [task.problem]);
  const attempt = useRef<readonly string[]>([]);
  const isFresh = useRef(false);
  useEffect(() => {
    // The button that was pressed may be gone, and the answer is below it.
    if (isFresh.current) heading.current?.focus();
    isFresh.current = false;
  }, [found]);
  const show = (queries: readonly string[]) => {
    attempt.current = queries;
    task.run(async (signal) => {
      const query = queries.at(-1) ?? type;
      keepCall(type, callOf(query));
      const page = await askFhir<Bundle>(query, { signal });
      isFresh.current = true;
      keepFound(type, { queries, page });
      announce(countOf(page, type, queries.length));
    });
  };
  const search = () => {
    // What an earlier search has found must not stand below the fault of this one.
    keepFound(type, null);
    if (selected) go("explore", type);
    show([queryOf(type, pairsOf(form, searchParam))]);
  };
  const next = found && nextOf(found.page);
  return (
    <>
      <ClosedNotice type={type} />
      <SearchFields
        capability={capability}
        types={types}
        form={form}
        faults={faults}
        onForm={(changed) => {
          // It is no longer the form that was refused.
          if (task.problem) task.clear();
          keepForm(type, changed);
        }}
        onSearch={search}
      />
      {/* What is wrong with a row stands at the row. */}
      {faults.size === 0 && <TaskState task={task} again={found ? () => show(attempt.current) : search}>Searching…</TaskState>}
      <LastRequest view={type} />
      {found && (
        <Results
          type={type}
          found={found}
          selected={selected}
          heading={heading}
          isBusy={task.isRunning}
          onNext={next ? () => show([...found.queries, next]) : null}
          onPrevious={found.queries.length > 1 ? () => show(found.queries.slice(0, -1)) : null}
        />
      )}
    </>
  );
}

function ClosedNotice({ type }: { readonly type: string }) {
  const one = session.value;
  if (!one) return null;
  const { patient } = one.token.claims;
  const grant = grantOf(one.scope, type, patient);
  const condition = conditionOf(grant, "s");
  if (condition) return <p class="notice wrap">This token searches {type} only where {condition}: others are not found.</p>;
  if (grant?.letters.has("s")) return null;
  return (
    <p class="notice">
      This token does not open searching {type}: that takes <code>{scopeFor(one.scope, type, "s", patient)}</code>. You can still send
      the search, and see how the server refuses it; or <a href={addressOf("token")}>get another token</a>.
    </p>
  );
}
