/** What is to come along with the matches, in which order, and how much of each. */

import type { TypeCapability } from "../../fhir/capabilities.ts";
import { isSortable, syntaxOf } from "../../fhir/parameter-syntax.ts";
import { lettersOf, scopeFor } from "../../oauth/grants.ts";
import { Choice, TextField } from "../../parts/fields.tsx";
import { session } from "../../service/session.ts";
import type { SearchForm } from "./criteria.ts";
import { isIncluded } from "./openness.ts";

const COUNTS = ["", "5", "10", "50", "100"];
const SUMMARIES: readonly (readonly [string, string])[] = [
  ["", "all of it"],
  ["true", "a summary (true)"],
  ["data", "without the narrative (data)"],
  ["text", "the narrative (text)"],
  ["count", "the number of matches alone (count)"],
];

export function ResultOptions({ capability, types, form, set }: {
  readonly capability: TypeCapability;
  readonly types: readonly TypeCapability[];
  readonly form: SearchForm;
  readonly set: (more: Partial<SearchForm>) => void;
}) {
  const { searchParam = [], searchInclude = [], searchRevInclude = [] } = capability;
  return (
    <>
      {searchInclude.length > 0 && (
        <Includes
          title="Include what it points at (_include)"
          names={searchInclude}
          chosen={form.includes}
          typesOf={(name) => targetsOf(name, types)}
          isReverse={false}
          onChosen={(includes) => set({ includes })}
        />
      )}
      {searchRevInclude.length > 0 && (
        <Includes
          title="Include what points at it (_revinclude)"
          names={searchRevInclude}
          chosen={form.reverseIncludes}
          typesOf={(name) => [name.split(":")[0] ?? ""]}
          isReverse
          onChosen={(reverseIncludes) => set({ reverseIncludes })}
        />
      )}
      <div class="criterion">
        <Choice label="Order by (_sort)" value={form.sort} onValue={(sort) => set({ sort })}>
          <option value="">the server's own order</option>
          {searchParam.filter(isSortable).map(({ name }) => (
            <option key={name} value={name}>{name}</option>
          ))}
        </Choice>
        <Choice label="Direction" value={form.isDescending ? "-" : ""} onValue={(sign) => set({ isDescending: sign === "-" })}>
          <option value="">ascending</option>
          <option value="-">descending</option>
        </Choice>
        <Choice label="On a page (_count)" value={form.count} onValue={(count) => set({ count })}>
          {COUNTS.map((each) => (
            <option key={each} value={each}>{each || "20, as the server does"}</option>
          ))}
        </Choice>
        <Choice label="Of each (_summary)" value={form.summary} onValue={(summary) => set({ summary })}>
          {SUMMARIES.map(([each, words]) => (
            <option key={each} value={each}>{words}</option>
          ))}
        </Choice>
        <TextField label="Elements, with commas (_elements)" value={form.elements} onValue={(elements) => set({ elements })} />
      </div>
    </>
  );
}

function Includes({ title, names, chosen, typesOf, isReverse, onChosen }: {
  readonly title: string;
  readonly names: readonly string[];
  readonly chosen: readonly string[];
  /** The types that an include may bring. */
  readonly typesOf: (name: string) => readonly string[];
  readonly isReverse: boolean;
  readonly onChosen: (chosen: readonly string[]) => void;
}) {
  const toggle = (name: string, isChosen: boolean) =>
    onChosen(names.filter((each) => (each === name ? isChosen : chosen.includes(each))));
  return (
    <fieldset class="includes">
      <legend>{title}</legend>
      <ul>
        {names.map((name) => (
          <li key={name}>
            <label class="check">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={(change) => toggle(name, change.currentTarget.checked)}
              />
              <span class="wrap">
                <code>{name}</code> <Closed types={typesOf(name)} isReverse={isReverse} />
              </span>
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

/** Says of which of the types nothing will come, because the token does not open them. */
function Closed({ types, isReverse }: { readonly types: readonly string[]; readonly isReverse: boolean }) {
  const one = session.value;
  if (!one) return null;
  const closed = types.filter((each) => !isIncluded(lettersOf(one.scope, each), isReverse));
  if (!closed.length) return null;
  const scopes = closed.map((each) => scopeFor(one.scope, each, isReverse ? "rs" : "r"));
  return <span class="quiet">closed: takes {scopes.join(", ")}</span>;
}

/** Returns the served types that an include's parameter may point at. */
function targetsOf(include: string, types: readonly TypeCapability[]): readonly string[] {
  const [type, name] = include.split(":");
  const parameter = types.find((each) => each.type === type)?.searchParam?.find((each) => each.name === name);
  const targets = parameter ? syntaxOf(parameter).targets : [];
  return targets.filter((target) => types.some((each) => each.type === target));
}
