/** The beginning of the room: what was left unsaved, a resource to open, and what the token may write of each type. */

import { useId, useState } from "preact/hooks";

import { addressOf, go } from "../../shell/router.ts";
import { Closed, ClosedBadge } from "./closed.tsx";
import { unsaved } from "./drafts.ts";
import type { Rights } from "./rights.ts";

export function Chooser({ rights }: { readonly rights: readonly Rights[] }) {
  const isAllClosed = !rights.some((each) => each.mayCreate || each.mayUpdate || each.mayDelete);
  return (
    <>
      {isAllClosed && <Closed reason="This token writes nothing." />}
      <Unsaved />
      <OpenForm rights={rights} />
      <section class="card" aria-labelledby="new-heading">
        <h3 id="new-heading">Create a new one</h3>
        <p class="quiet">Each begins with a small resource that the server takes as it is.</p>
        <ul class="writable">
          {rights.map((each) => (
            <li key={each.type.name}>
              {each.mayCreate ? (
                <a href={addressOf("write", each.type.name)}>New {each.type.name}</a>
              ) : (
                <span class="row quiet"><strong>{each.type.name}</strong> <ClosedBadge /></span>
              )}
              {each.closed && <span class="quiet why">{each.closed}</span>}
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function Unsaved() {
  const drafts = unsaved();
  if (!drafts.length) return null;
  return (
    <section class="notice" aria-label="Not saved yet">
      <p>What you have typed is kept in this tab, and not saved yet:</p>
      <ul class="details">
        {drafts.map(({ type, id }) => (
          <li key={`${type}/${id ?? ""}`}>
            <a href={id === null ? addressOf("write", type) : addressOf("write", type, id)}>
              {id === null ? `New ${type}` : `${type}/${id}`}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function OpenForm({ rights }: { readonly rights: readonly Rights[] }) {
  const readable = rights.filter((each) => each.mayRead && (each.mayUpdate || each.mayDelete));
  const [chosen, setChosen] = useState("");
  const [given, setGiven] = useState("");
  const [typeField, idField] = [useId(), useId()];
  const type = readable.some((each) => each.type.name === chosen) ? chosen : readable[0]?.type.name;
  // A reference as it was copied, `Patient/4`, names both.
  const id = given.trim().split("/").at(-1) ?? "";
  const named = readable.find((each) => given.trim().startsWith(`${each.type.name}/`))?.type.name ?? type;
  return (
    <section class="card" aria-labelledby="open-heading">
      <h3 id="open-heading">Change or delete one</h3>
      {named === undefined ? (
        <p class="quiet">It is read first, and this token reads nothing that it may change.</p>
      ) : (
        <form
          class="opening"
          onSubmit={(submit) => {
            submit.preventDefault();
            if (id) go("write", named, id);
          }}
        >
          <div class="field">
            <label for={typeField}>Type</label>
            <select id={typeField} value={named} onChange={(change) => setChosen(change.currentTarget.value)}>
              {readable.map((each) => (
                <option key={each.type.name}>{each.type.name}</option>
              ))}
            </select>
          </div>
          <div class="field">
            <label for={idField}>Id</label>
            <input
              id={idField}
              type="text"
              value={given}
              spellcheck={false}
              autocapitalize="none"
              autocomplete="off"
              onInput={(input) => setGiven(input.currentTarget.value)}
            />
          </div>
          <button type="submit" class="main">Open</button>
        </form>
      )}
    </section>
  );
}
