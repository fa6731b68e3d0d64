/** One field of a form: its label, unit and hint, and what is wrong with it. */

import { useId } from "preact/hooks";

import { dateText } from "../../../fhir/dates.ts";
import type { Field, FieldKind } from "./form.ts";

const MODES: Partial<Record<FieldKind, "decimal" | "numeric">> = { decimal: "decimal", snomed: "numeric", "nhs-number": "numeric" };

export function FormField({ field, value, fault, isFixed, onValue }: {
  readonly field: Field;
  readonly value: string;
  /** Empty if nothing is wrong. */
  readonly fault: string;
  readonly isFixed: boolean;
  readonly onValue: (value: string) => void;
}) {
  const id = useId();
  const { name, label, kind, unit, hint, isRequired = false } = field;
  // A browser's date field may put the month first: a date is said as a record shows it, before it is saved.
  const read = kind === "date" && value ? dateText(value) : "";
  const described = [read && `${id}-read`, hint && `${id}-hint`, fault && `${id}-fault`].filter((each) => each).join(" ");
  const common = {
    id,
    name,
    value,
    "aria-required": isRequired,
    "aria-invalid": fault !== "",
    "aria-describedby": described || undefined,
    "aria-disabled": isFixed,
  };
  const typed = (input: { readonly currentTarget: { readonly value: string } }) => onValue(input.currentTarget.value);
  return (
    <div class={`field form-field form-${kind}`}>
      <label for={id}>
        {label}
        {unit && ` (${unit})`}
        {!isRequired && kind !== "choice" && <span class="quiet"> – optional</span>}
      </label>
      {kind === "choice" ? (
        <select {...common} disabled={isFixed} onChange={typed}>
          {(field.choices ?? []).map(([choice, text]) => (
            <option key={choice} value={choice}>{text}</option>
          ))}
        </select>
      ) : kind === "note" ? (
        <textarea {...common} rows={2} readOnly={isFixed} onInput={typed} />
      ) : kind === "date" || kind === "time" ? (
        <input {...common} type={kind} readOnly={isFixed} onInput={typed} />
      ) : (
        <input
          {...common}
          type="text"
          inputMode={MODES[kind]}
          autocomplete="off"
          readOnly={isFixed}
          onInput={typed}
        />
      )}
      {read && <span class="quiet hint" id={`${id}-read`}>{read}</span>}
      {fault && <span class="fault" id={`${id}-fault`}>{fault}</span>}
      {hint && <span class="quiet hint" id={`${id}-hint`}>{hint}</span>}
    </div>
  );
}

/** Returns the fields whose input the browser cannot read. */
export function unreadable(form: HTMLFormElement): readonly string[] {
  return [...form.elements].flatMap((each) => (each instanceof HTMLInputElement && each.validity.badInput ? [each.name] : []));
}
