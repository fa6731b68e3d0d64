/** The fields that the form is made of, each with its label. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

export function TextField({ label, value, onValue, suggestions = [], describedBy, isDisabled = false, isInvalid = false }: FieldProps & {
  readonly suggestions?: readonly string[];
  /** The id of a text that says more. */
  readonly describedBy?: string | undefined;
  readonly isDisabled?: boolean;
  readonly isInvalid?: boolean;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        disabled={isDisabled}
        spellcheck={false}
        autocapitalize="none"
        autocomplete="off"
        list={suggestions.length ? `${id}-list` : undefined}
        aria-describedby={describedBy}
        aria-invalid={isInvalid}
        onInput={(input) => onValue(input.currentTarget.value)}
      />
      {suggestions.length > 0 && (
        <datalist id={`${id}-list`}>
          {suggestions.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </div>
  );
}

/** A day from the browser's calendar; a value that is none, such as a year, is left alone until one is chosen. */
export function DayField({ label, value, onValue }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="date"
        max="9999-12-31"
        value={/^\d{4}-\d{2}-\d{2}$/.test(value) ? value : ""}
        onChange={(change) => onValue(change.currentTarget.value)}
      />
    </div>
  );
}

export function Choice({ label, value, onValue, children }: FieldProps & { readonly children: ComponentChildren }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(change) => onValue(change.currentTarget.value)}>
        {children}
      </select>
    </div>
  );
}
