/** One parameter of a search, with the fields that its type takes. */

import { useEffect, useId, useRef } from "preact/hooks";

import type { SearchParameter } from "../../fhir/capabilities.ts";
import { syntaxOf } from "../../fhir/parameter-syntax.ts";
import { Choice, DayField, TextField } from "../../parts/fields.tsx";
import { comparisonsOf } from "./comparisons.ts";
import { type Criterion, NO_SYSTEM } from "./criteria.ts";
import { codesFor, systemsFor } from "./suggestions.ts";

interface RowProps {
  readonly criterion: Criterion;
  readonly onChange: (changed: Criterion) => void;
  readonly onRemove: () => void;
  /** Whether the reader has just added it, and so means to fill it in. */
  readonly isNew: boolean;
  /** The server's words for what is wrong with it; empty if nothing is. */
  readonly fault: string;
}

export function CriterionRow({ type, parameter, ...row }: RowProps & {
  readonly type: string;
  readonly parameter: SearchParameter;
}) {
  const { criterion, onChange } = row;
  const hint = useId();
  const syntax = syntaxOf(parameter);
  const set = (more: Partial<Criterion>) => onChange({ ...criterion, ...more });
  const takesValue = !criterion.how.startsWith("missing:");
  return (
    <Row {...row} title={parameter.name} note={parameter.type}>
      <Choice label="Comparison" value={criterion.how} onValue={(how) => set({ how })}>
        {comparisonsOf(parameter).map(([how, words]) => (
          <option key={how} value={how}>{words}</option>
        ))}
      </Choice>
      {takesValue && (
        <Values type={type} parameter={parameter} criterion={criterion} targets={syntax.targets} hint={hint} isInvalid={row.fault !== ""} set={set} />
      )}
      <p class="quiet hint" id={hint}>
        {row.fault && <Fault text={row.fault} />}
        {hintOf(parameter, syntax.value, syntax.parts)} It looks at{" "}
        {syntax.paths ? <code class="wrap">{syntax.paths}</code> : "the resource itself"}.
      </p>
    </Row>
  );
}

function Values({ type, parameter, criterion, targets, hint, isInvalid, set }: {
  readonly type: string;
  readonly parameter: SearchParameter;
  readonly criterion: Criterion;
  readonly targets: readonly string[];
  readonly hint: string;
  readonly isInvalid: boolean;
  readonly set: (more: Partial<Criterion>) => void;
}) {
  const value = (label: string, suggestions: readonly string[] = []) => (
    <TextField
      label={label}
      value={criterion.value}
      onValue={(text) => set({ value: text })}
      suggestions={suggestions}
      describedBy={hint}
      isInvalid={isInvalid}
    />
  );
  const system = criterion.system === NO_SYSTEM ? "" : criterion.system;
  switch (parameter.type) {
    case "token":
      return (
        <>
          {value("Code", codesFor(type, parameter.name))}
          <TextField
            label="System"
            value={system}
            onValue={(text) => set({ system: text })}
            suggestions={systemsFor(parameter.name)}
            isDisabled={criterion.system === NO_SYSTEM}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={criterion.system === NO_SYSTEM}
              onChange={(change) => set({ system: change.currentTarget.checked ? NO_SYSTEM : "" })}
            />{" "}
            without a system
          </label>
        </>
      );
    case "quantity":
      return (
        <>
          {value("Number")}
          <TextField label="Unit" value={criterion.unit} onValue={(unit) => set({ unit })} suggestions={["kg", "mmHg", "/min", "%", "mmol/L"]} />
          <TextField label="Unit's system" value={system} onValue={(text) => set({ system: text })} suggestions={["http://unitsofmeasure.org"]} />
        </>
      );
    case "reference":
      return (
        <>
          {targets.length > 0 && (
            <Choice label="Type" value={criterion.target} onValue={(target) => set({ target })}>
              <option value="">any it may be</option>
              {targets.map((each) => (
                <option key={each} value={each}>{each}</option>
              ))}
            </Choice>
          )}
          {value("Id")}
        </>
      );
    case "date":
      return (
        <>
          <DayField label="Day" value={criterion.value} onValue={(day) => set({ value: day })} />
          {value("or type it")}
        </>
      );
    default:
      return value("Value");
  }
}

/** A parameter as it goes, for what the fields have no place for: chains, `_has`, and what the server may know besides. */
export function WrittenRow(row: RowProps) {
  const { criterion, onChange } = row;
  const hint = useId();
  return (
    <Row {...row} title="written out" note="any">
      <TextField label="Name" value={criterion.name} onValue={(name) => onChange({ ...criterion, name })} describedBy={hint} />
      <TextField label="Value" value={criterion.value} onValue={(value) => onChange({ ...criterion, value })} isInvalid={row.fault !== ""} />
      <p class="quiet hint" id={hint}>
        {row.fault && <Fault text={row.fault} />}
        As it goes, signs and all: a chain such as <code>patient.name</code>, or <code>_has:Observation:patient:code</code>.
      </p>
    </Row>
  );
}

/** In the text that describes the field, so that who comes to the field hears it too. */
function Fault({ text }: { readonly text: string }) {
  return <strong class="fault" role="alert">{text}</strong>;
}

function Row({ criterion, title, note, onRemove, isNew, children }: RowProps & {
  readonly title: string;
  readonly note: string;
  readonly children: preact.ComponentChildren;
}) {
  const row = useRef<HTMLFieldSetElement>(null);
  useEffect(() => {
    if (isNew) row.current?.querySelector<HTMLElement>("select, input")?.focus();
  }, []);
  return (
    <fieldset class="criterion" ref={row} key={criterion.key}>
      <legend>
        <code>{title}</code> <span class="quiet">{note}</span>
      </legend>
      {children}
      <button type="button" class="plain remove" onClick={onRemove}>
        Remove <span class="unseen">{title}</span>
      </button>
    </fieldset>
  );
}

function hintOf({ type }: SearchParameter, value: string, parts: readonly string[]): string {
  if (type === "date") return "A day, or a date of any precision: 2024, 2024-06, 14/06/2024, 2024-06-14T10:00Z.";
  if (type === "token") return "A code, with its system or of any; a system alone finds all of its codes.";
  if (type === "quantity") return "A number, with its unit's code or printed form, or of any unit.";
  if (type === "composite") return `${parts.join(" and ")} of the same thing, as they go, with a $ between: 8480-6$gt140.`;
  return value && `${value}.`;
}
