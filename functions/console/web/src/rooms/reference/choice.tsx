/** One of a few values, chosen beside its label. */

import { useId } from "preact/hooks";

export function Choice({ label, values, value, onValue }: {
  readonly label: string;
  readonly values: readonly string[];
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  const id = useId();
  return (
    <>
      <label for={id}>{label}</label>
      <select id={id} class="short" value={value} onChange={(change) => onValue(change.currentTarget.value)}>
        {values.map((each) => <option key={each}>{each}</option>)}
      </select>
    </>
  );
}
