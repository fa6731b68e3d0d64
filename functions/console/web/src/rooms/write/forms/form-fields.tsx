/** The fields of a form: those that most need, and the others folded. */

import { useState } from "preact/hooks";

import type { FieldFaults } from "./checks.ts";
import { FormField } from "./form-field.tsx";
import type { Field, Values } from "./form.ts";

export function FormFields({ fields, values, atFields, isFixed, onValue }: {
  readonly fields: readonly Field[];
  readonly values: Values;
  readonly atFields: FieldFaults;
  readonly isFixed: boolean;
  readonly onValue: (name: string, value: string) => void;
}) {
  const [isUnfolded, setUnfolded] = useState(false);
  const drawn = (field: Field) => (
    <FormField
      key={field.name}
      field={field}
      value={values[field.name] ?? ""}
      fault={atFields.get(field.name) ?? ""}
      isFixed={isFixed}
      onValue={(value) => onValue(field.name, value)}
    />
  );
  const rare = fields.filter((each) => each.isRare);
  // What is to be mended is not hidden.
  const isOpen = isUnfolded || rare.some((each) => atFields.has(each.name));
  return (
    <>
      <div class="form-fields">{fields.filter((each) => !each.isRare).map(drawn)}</div>
      {rare.length > 0 && (
        <details class="more" open={isOpen} onToggle={(toggled) => setUnfolded(toggled.currentTarget.open)}>
          <summary>More that is recorded</summary>
          <div class="form-fields">{rare.map(drawn)}</div>
        </details>
      )}
    </>
  );
}
