/** The types to export, each with what the token opens of it, or with the scope that it would take. */

import type { Exportable } from "./openness.ts";

export function TypeChoice({ types, without, fault, onWithout }: {
  readonly types: readonly Exportable[];
  /** The types that are not ticked, of any level. */
  readonly without: ReadonlySet<string>;
  /** Empty if nothing is wrong. */
  readonly fault: string;
  readonly onWithout: (without: ReadonlySet<string>) => void;
}) {
  const open = types.filter(({ isOpen }) => isOpen).map(({ type }) => type);
  const others = [...without].filter((each) => !open.includes(each));
  const tick = (type: string, isTicked: boolean) => onWithout(new Set(isTicked ? [...without].filter((each) => each !== type) : [...without, type]));
  return (
    <fieldset>
      <legend>Types</legend>
      <ul class="export-types">
        {types.map(({ type, isOpen, condition, scope }) => (
          <li key={type}>
            <label class="check">
              <input
                type="checkbox"
                checked={isOpen && !without.has(type)}
                disabled={!isOpen}
                onChange={(change) => tick(type, change.currentTarget.checked)}
              />{" "}
              {type}
            </label>
            {condition && <span class="limit">only where {condition}</span>}
            {!isOpen && <span class="limit">closed: takes <code>{scope}</code></span>}
          </li>
        ))}
      </ul>
      <div class="row">
        <button type="button" class="small" onClick={() => onWithout(new Set(others))}>All</button>
        <button type="button" class="small" onClick={() => onWithout(new Set([...others, ...open]))}>None</button>
        {fault && <span class="fault" role="alert">{fault}</span>}
      </div>
    </fieldset>
  );
}
