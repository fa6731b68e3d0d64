/** The fields that forms are made of, each with its label, a hint and what is wrong with it. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** For ids, keys and secrets: nothing is corrected, capitalised or remembered. */
export const AS_TYPED = { spellcheck: false, autocapitalize: "none", autocomplete: "off" } as const;

interface Told {
  readonly label: ComponentChildren;
  readonly hint?: ComponentChildren;
  /** Empty if nothing is wrong. */
  readonly fault?: string;
  /** The id of a text elsewhere that says more. */
  readonly describedBy?: string | undefined;
  /** Whether the text elsewhere says what is wrong. */
  readonly isInvalid?: boolean;
}

interface Valued extends Told {
  readonly value: string;
  readonly onValue: (value: string) => void;
}

interface Named {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string | undefined;
}

/** Any control with its label; `children` draws it with the attributes that name and describe it. */
export function Field({ label, hint, fault = "", describedBy, isInvalid = false, children }: Told & {
  readonly children: (named: Named) => ComponentChildren;
}) {
  const id = useId();
  const texts = [describedBy, hint && `${id}-hint`, fault && `${id}-fault`].filter((each) => each);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-invalid": isInvalid || fault !== "", "aria-describedby": texts.join(" ") || undefined })}
      {hint && <span class="quiet" id={`${id}-hint`}>{hint}</span>}
      {fault && <span class="fault" id={`${id}-fault`} role="alert">{fault}</span>}
    </div>
  );
}

export function TextField({ value, onValue, suggestions = [], isDisabled = false, ...told }: Valued & {
  readonly suggestions?: readonly string[];
  readonly isDisabled?: boolean;
}) {
  return (
    <Field {...told}>
      {(named) => (
        <>
          <input
            {...named}
            {...AS_TYPED}
            type="text"
            value={value}
            disabled={isDisabled}
            list={suggestions.length ? `${named.id}-list` : undefined}
            onInput={(input) => onValue(input.currentTarget.value)}
          />
          {suggestions.length > 0 && (
            <datalist id={`${named.id}-list`}>
              {suggestions.map((each) => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

/** A text that is not shown as it is typed. */
export function SecretField({ value, onValue, ...told }: Valued) {
  return (
    <Field {...told}>
      {(named) => <input {...named} {...AS_TYPED} type="password" value={value} onInput={(input) => onValue(input.currentTarget.value)} />}
    </Field>
  );
}

/** A day from the browser's calendar; a value that is none, such as a year, is left alone until one is chosen. */
export function DayField({ value, onValue, ...told }: Valued) {
  return (
    <Field {...told}>
      {(named) => (
        <input
          {...named}
          type="date"
          max="9999-12-31"
          value={/^\d{4}-\d{2}-\d{2}$/.test(value) ? value : ""}
          onChange={(change) => onValue(change.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export function Choice({ value, onValue, children, ...told }: Valued & { readonly children: ComponentChildren }) {
  return (
    <Field {...told}>
      {(named) => (
        <select {...named} value={value} onChange={(change) => onValue(change.currentTarget.value)}>
          {children}
        </select>
      )}
    </Field>
  );
}
