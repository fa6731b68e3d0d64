/** Visits to a record in sentences, day by day; an entry opens to the single requests. */

import type { RefObject } from "preact";
import { useState } from "preact/hooks";

import { type Access, isMasked } from "../../fhir/audit-event.ts";
import type { Visit } from "../../fhir/visits.ts";
import { addressOf } from "../../shell/router.ts";
import { accessDays, type AccessEntry, timeOf } from "./access-days.ts";

/** How each outcome looks; the sentence says it too, for who sees no colour. */
const SIGNS: Readonly<Record<Access["outcome"], readonly [sign: string, kind: string]>> = {
  allowed: ["✓", "good"],
  refused: ["⊘", "bad"],
  failed: ["✗", "bad"],
  "not known": ["?", ""],
};

export function AccessList({ visits, list }: {
  readonly visits: readonly Visit[];
  readonly list: RefObject<HTMLDivElement | null>;
}) {
  return (
    <div class="accesses" ref={list}>
      {accessDays(visits).map(({ title, entries }) => (
        <section key={title} aria-label={title}>
          <h3>{title}</h3>
          <ul>
            {entries.map((each) => (
              <Entry key={each.accesses.at(-1)?.id} entry={each} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function Entry({ entry: { accesses, text } }: { readonly entry: AccessEntry }) {
  const [isOpen, setOpen] = useState(false);
  const [newest] = accesses;
  const [sign, kind] = SIGNS[newest?.outcome ?? "not known"];
  return (
    <li>
      <details data-ids={accesses.map(({ id }) => id).join(" ")} onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
        <summary>
          <span class={`access-sign ${kind}`} aria-hidden="true">{sign}</span> <span class="wrap">{text}</span>
        </summary>
        {isOpen && (
          <div class="access-detail">
            {newest?.clientId && newest.clientId !== newest.who && <p>Client id <code class="wrap">{newest.clientId}</code></p>}
            <Requests accesses={accesses} />
          </div>
        )}
      </details>
    </li>
  );
}

/** Requests one by one: when, what for, as it was sent, and the audit event of it. */
export function Requests({ accesses, when = timeOf }: {
  readonly accesses: readonly Access[];
  readonly when?: (instant: string) => string;
}) {
  return (
    <>
      <ul>
        {accesses.map(({ id, at, deed, request }) => (
          <li key={id}>
            <span class="figures">{when(at)}</span> <span class="wrap">{deed.verb} {deed.object}</span>{" "}
            {request && <code class="wrap">{request}</code>}{" "}
            <a href={addressOf("explore", "AuditEvent", id)}>Audit event</a>
          </li>
        ))}
      </ul>
      {accesses.some(isMasked) && <p class="quiet">*** stands for a personal value, which is not recorded.</p>}
    </>
  );
}

/** Moves the focus to the entry with an access. */
export function focusEntry(list: HTMLElement | null, id: string): void {
  const entries = [...(list?.querySelectorAll<HTMLElement>("details[data-ids]") ?? [])];
  entries.find((each) => each.dataset["ids"]?.split(" ").includes(id))?.querySelector("summary")?.focus();
}
