/** The form of a type's search, made from its parameters, and the query that it makes. */

import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { TypeCapability } from "../../fhir/capabilities.ts";
import { asPosted } from "../../service/posted-search.ts";
import { type Criterion, emptyCriterion, pairsOf, readableQuery, type SearchForm } from "./criteria.ts";
import { CriterionRow, WrittenRow } from "./criterion-row.tsx";
import { ResultOptions } from "./result-options.tsx";

export function SearchFields({ capability, types, form, faults, onForm, onSearch }: {
  readonly capability: TypeCapability;
  readonly types: readonly TypeCapability[];
  readonly form: SearchForm;
  /** What the server says is wrong with which row. */
  readonly faults: ReadonlyMap<number, string>;
  /** Takes a changed form; null to begin anew. */
  readonly onForm: (form: SearchForm | null) => void;
  readonly onSearch: () => void;
}) {
  const { type, searchParam = [] } = capability;
  const [added, setAdded] = useState(0);
  const adder = useRef<HTMLSelectElement>(null);
  const element = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (faults.size) element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [faults]);
  const set = (more: Partial<SearchForm>) => onForm({ ...form, ...more });
  const change = (changed: Criterion) =>
    set({ criteria: form.criteria.map((each) => (each.key === changed.key ? changed : each)) });
  const remove = (key: number) => {
    set({ criteria: form.criteria.filter((each) => each.key !== key) });
    adder.current?.focus();
  };
  const add = (name: string) => {
    const criterion = emptyCriterion(name);
    setAdded(criterion.key);
    set({ criteria: [...form.criteria, criterion] });
  };
  return (
    <form
      class="card search"
      ref={element}
      aria-label={`Search ${type}`}
      onSubmit={(submit) => {
        submit.preventDefault();
        onSearch();
      }}
    >
      <h2>Search {type}</h2>
      <p class="quiet">
        A match fits all rows that are filled in. In a value a comma means <em>or</em>; <code>\,</code> is a comma itself.
      </p>
      {form.criteria.map((each) => {
        const parameter = searchParam.find(({ name }) => name === each.parameter);
        const row = { criterion: each, onChange: change, onRemove: () => remove(each.key), isNew: each.key === added, fault: faults.get(each.key) ?? "" };
        if (parameter) return <CriterionRow key={each.key} type={type} parameter={parameter} {...row} />;
        return <WrittenRow key={each.key} {...row} />;
      })}
      <Adder capability={capability} select={adder} onAdd={add} />
      <details class="more">
        <summary>Includes, order and page</summary>
        <div class="options">
          <ResultOptions capability={capability} types={types} form={form} set={set} />
        </div>
      </details>
      <Asked query={readableQuery(type, pairsOf(form, searchParam))} />
      <div class="row">
        <button type="submit" class="main">Search</button>
        <button type="button" onClick={() => onForm(null)}>Begin anew</button>
      </div>
    </form>
  );
}

function Asked({ query }: { readonly query: string }) {
  const { method, url, body } = asPosted({ method: "GET", url: `/${query}`, headers: {}, body: "" }, "");
  return (
    <p class="query">
      <span class="quiet">It will ask</span> <code class="wrap">{method} {url.slice(1)}</code>
      {body && <> <span class="quiet">with the form</span> <code class="wrap">{body}</code></>}
    </p>
  );
}

function Adder({ capability, select, onAdd }: {
  readonly capability: TypeCapability;
  readonly select: preact.RefObject<HTMLSelectElement | null>;
  readonly onAdd: (parameter: string) => void;
}) {
  const { type, searchParam = [] } = capability;
  const own = searchParam.filter(({ name }) => !name.startsWith("_"));
  const common = searchParam.filter(({ name }) => name.startsWith("_"));
  const [chosen, setChosen] = useState(own[0]?.name ?? "");
  const id = useId();
  return (
    <div class="adder">
      <div class="field">
        <label for={id}>Another parameter</label>
        <select id={id} ref={select} value={chosen} onChange={(change) => setChosen(change.currentTarget.value)}>
          <optgroup label={`Of ${type}`}>
            {own.map(({ name, type: kind }) => (
              <option key={name} value={name}>{name} ({kind})</option>
            ))}
          </optgroup>
          <optgroup label="Of all types">
            {common.map(({ name, type: kind }) => (
              <option key={name} value={name}>{name} ({kind})</option>
            ))}
          </optgroup>
          <option value="">written out: chains, _has</option>
        </select>
      </div>
      <button type="button" onClick={() => onAdd(chosen)}>Add</button>
    </div>
  );
}
