/** The types that the server serves, each with what the token opens of it. */

import type { TypeCapability } from "../../fhir/capabilities.ts";
import { grantOf, limitLines, scopeFor, SERVED_TYPES, type ServedType } from "../../oauth/grants.ts";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import { wordsFor } from "./openness.ts";

export function TypeList({ types }: { readonly types: readonly TypeCapability[] }) {
  const named = (test: (type: ServedType) => boolean) => new Set(SERVED_TYPES.filter(test).map((each) => each.name));
  const [directory, audit] = [named((each) => each.directory), named((each) => each.byNameOnly)];
  return (
    <>
      <Group title="Records" types={types.filter(({ type }) => !directory.has(type) && !audit.has(type))} />
      <Group title="Directory" types={types.filter(({ type }) => directory.has(type))} />
      <Group title="Access record" types={types.filter(({ type }) => audit.has(type))} />
    </>
  );
}

function Group({ title, types }: { readonly title: string; readonly types: readonly TypeCapability[] }) {
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      <ul class="types">
        {types.map(({ type }) => (
          <li key={type}>
            <a href={addressOf("explore", type)}>
              <strong>{type}</strong>
              <Openness type={type} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Openness({ type }: { readonly type: string }) {
  const one = session.value;
  if (!one) return null;
  const { patient } = one.token.claims;
  const grant = grantOf(one.scope, type, patient);
  if (grant?.letters.size) {
    return (
      <>
        <span class="badge good">{wordsFor(grant.letters)}</span>
        {limitLines(grant).map((line) => <span key={line} class="limit">{line}</span>)}
      </>
    );
  }
  return (
    <span class="quiet">
      <span class="badge">closed</span> takes <code>{scopeFor(one.scope, type, "rs", patient)}</code>
    </span>
  );
}
