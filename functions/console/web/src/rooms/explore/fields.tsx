/** The fields that the form is made of, each with its label. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

export function TextField({ label, value, onValue, suggestions = [], describedBy, isDisabled = false }: FieldProps & {
  readonly suggestions?: readonly string[];
  /** The id of a text that says more. */
  readonly describedBy?: string | undefined;
  readonly isDisabled?: boolean;
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
