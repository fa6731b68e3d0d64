/** A resource of any type for a person: its elements' names and values, parts within parts. */

import { useContext } from "preact/hooks";

import type { Resource } from "../../fhir/datatypes.ts";
import { type Member, membersOf, metaMembersOf, narrativeText, type Value } from "../../fhir/elements.ts";
import { BoundedList } from "./bounded-list.tsx";
import { ReferenceLink } from "./reference-link.tsx";
import { ReferenceNames } from "./reference-names.ts";

const MAX_VALUES = 20;
const MAX_CHARACTERS = 1000;

export function Rendered({ resource }: { readonly resource: Resource }) {
  const narrative = narrativeText(resource);
  const members = membersOf(resource);
  return (
    <div class="rendered">
      {members.length ? <Members members={members} /> : <p class="quiet">It has no elements besides its id.</p>}
      {narrative && (
        <details class="more">
          <summary>Narrative, as text</summary>
          <p class="narrative">{narrative}</p>
        </details>
      )}
      <details class="more">
        <summary>About this version</summary>
        <Members members={metaMembersOf(resource)} />
      </details>
    </div>
  );
}

function Members({ members }: { readonly members: readonly Member[] }) {
  return (
    <dl class="elements">
      {members.map((each, place) => (
        <div key={place}>
          <dt title={each.extension || undefined}>
            {each.label} {each.extension && <span class="badge">extension</span>}
          </dt>
          <dd>
            <Values values={each.values} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Values({ values }: { readonly values: readonly Value[] }) {
  const [only] = values;
  if (!only) return <span class="quiet">empty</span>;
  if (values.length === 1) return <OneValue value={only} />;
  return (
    <BoundedList items={values} limit={MAX_VALUES} what="values">
      {(shown) => (
        <ul class={values.some((each) => each.parts.length) ? "values apart-values" : "values"}>
          {shown.map((each, place) => (
            <li key={place}>
              <OneValue value={each} />
            </li>
          ))}
        </ul>
      )}
    </BoundedList>
  );
}

function OneValue({ value }: { readonly value: Value }) {
  const { reference, notes, parts } = value;
  const nameOf = useContext(ReferenceNames);
  const text = value.text === reference ? nameOf(reference) : value.text;
  if (!text && !parts.length) return <span class="quiet">no value</span>;
  return (
    <>
      {text && (
        <ReferenceLink reference={reference}>
          <Text text={text} />
        </ReferenceLink>
      )}
      {notes.map((each, place) => (
        <span key={place} class="note" title={each.whole || undefined}>
          {each.text}
        </span>
      ))}
      {parts.length > 0 && <Members members={parts} />}
    </>
  );
}

/** A text, of which only the beginning is put into the page if it is very long: a picture's bytes, for example. */
function Text({ text }: { readonly text: string }) {
  if (text.length <= MAX_CHARACTERS) return <>{text}</>;
  return (
    <>
      {text.slice(0, MAX_CHARACTERS)}… <span class="note">{text.length} characters; the copied JSON has them all.</span>
    </>
  );
}
