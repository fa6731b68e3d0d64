/** Visits to a record, refused ones too: from the audit events of one patient, the newest first. */

import { useEffect, useMemo, useRef } from "preact/hooks";

import type { AuditEvent } from "../../fhir/audit-event.ts";
import { pagesOf } from "../../fhir/search.ts";
import { disclosuresOf, inOrder } from "../../fhir/visits.ts";
import { Hints } from "../../parts/hints.tsx";
import { problemFrom } from "../../service/problem.ts";
import type { Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { addressOf } from "../../shell/router.ts";
import { AccessList, focusEntry } from "./access-list.tsx";
import { type PortionState, RecordLoader } from "./record-loader.ts";
import type { Plan } from "./record-plan.ts";
import { SectionCard } from "./record-section.tsx";
import { standingOf } from "./sections.ts";

const TITLE = "Who has seen this record";

/** With `onlyIfOpen` nothing is said to a token that does not open it: where there is no record, nothing is missed. */
export function WhoHasSeen({ id, session, plan, loader, onlyIfOpen = false }: {
  readonly id: string;
  readonly session: Session;
  readonly plan: Plan;
  readonly loader: RecordLoader;
  readonly onlyIfOpen?: boolean;
}) {
  const { patient: bound } = session.token.claims;
  // Of another's record such a token finds nothing, which does not mean that nobody has seen it.
  const isOthers = bound !== undefined && bound !== id;
  if (onlyIfOpen && (isOthers || plan.closed.size > 0)) return null;
  if (isOthers && plan.closed.size === 0) {
    return (
      <section class="card" aria-labelledby="not-seen-heading">
        <h2 id="not-seen-heading">{TITLE}</h2>
        <p>This token is bound to Patient/{bound}, and is told who has seen that record alone.</p>
      </section>
    );
  }
  return <Accesses id={id} plan={plan} loader={loader} />;
}

/** Returns what fetches the accesses of a plan, a page at a time: one for all who show them, as each fetch is an access. */
export function accessLoaderOf(plan: Plan): RecordLoader {
  return new RecordLoader(plan.portions, { pages: pagesOf, problemFrom, instead: () => [], pagesAtOnce: 1 });
}

function Accesses({ id, plan, loader }: { readonly id: string; readonly plan: Plan; readonly loader: RecordLoader }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    void loader.start().then(() => tellCount(loader));
    return () => loader.stop();
  }, [loader]);
  const resources = loader.resources.value;
  const events = useMemo(() => eventsIn(loader), [resources]);
  const visits = useMemo(() => inOrder(disclosuresOf(events)), [events]);
  const [portion] = loader.portions.value;
  const goOn = (one: PortionState) => {
    const known = events.length;
    void loader.goOn(one).then(() => {
      tellCount(loader);
      // At the end the button is gone, and what had the focus with it.
      const first = eventsIn(loader)[known]?.id;
      if (loader.portions.value[0]?.state === "complete" && first) focusEntry(list.current, first);
    });
  };
  return (
    <SectionCard
      title={TITLE}
      count={visits.length}
      none="No access to it is recorded."
      standing={standingOf(["AuditEvent"], plan, loader.portions.value)}
      goOn={goOn}
      foot={
        <>
          <Hints texts={loader.hints.value} />
          {portion && <GoOn portion={portion} hasSome={events.length > 0} goOn={goOn} stop={() => loader.stop()} />}
          {visits.length > 0 && <p class="on-screen"><a href={addressOf("audit", id)}>A report of a period, to print or to save</a></p>}
        </>
      }
    >
      <AccessList visits={visits} list={list} />
    </SectionCard>
  );
}

/** The button stays where it is while older ones are fetched, so that it keeps the focus. */
function GoOn({ portion, hasSome, goOn, stop }: {
  readonly portion: PortionState;
  readonly hasSome: boolean;
  readonly goOn: (one: PortionState) => void;
  readonly stop: () => void;
}) {
  const isLoading = portion.state === "loading";
  if (portion.state === "complete" || portion.state === "failed" || (isLoading && !hasSome)) return null;
  return (
    <div class="row">
      <button type="button" aria-disabled={isLoading} onClick={() => !isLoading && goOn(portion)}>Older</button>
      {isLoading && (
        <>
          <span class="spinner" aria-hidden="true" />
          <button type="button" class="small" onClick={stop}>Stop</button>
        </>
      )}
    </div>
  );
}

function eventsIn(loader: RecordLoader): readonly AuditEvent[] {
  return [...loader.resources.value.values()].filter((each): each is AuditEvent => each.resourceType === "AuditEvent");
}

function tellCount(loader: RecordLoader): void {
  const [portion] = loader.portions.value;
  // What has failed or was stopped says so itself.
  if (portion?.state !== "complete" && portion?.state !== "more") return;
  const count = inOrder(disclosuresOf(eventsIn(loader))).length;
  const more = portion.state === "more" ? ", and there are more" : "";
  announce(`${TITLE}: ${count} ${count === 1 ? "visit" : "visits"}${more}.`);
}
