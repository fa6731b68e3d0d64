/** The client's registered public keys, which the page does not know: as their owner pastes them. */

import type { JWK } from "jose";
import { useState } from "preact/hooks";

import { EXPLAINED, isSecret, recognised } from "../../oauth/pasted.ts";
import { KeyError } from "../../oauth/private-key.ts";
import { registeredKeys } from "../../oauth/registered-keys.ts";
import { AS_TYPED, Field } from "../../parts/fields.tsx";

export function KeysField({ isHeld, given, onGiven }: {
  /** Whether the session holds a key, which is taken until others are given. */
  readonly isHeld: boolean;
  readonly given: readonly JWK[] | null;
  readonly onGiven: (keys: readonly JWK[] | null) => void;
}) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState("");
  const [isWiped, setWiped] = useState(false);
  const take = (value: string): boolean => {
    const pasted = recognised(value);
    const mayStay = !isSecret(pasted);
    // A field that was wiped may tell of it once more, as empty: the warning stays.
    if (!value && isWiped) return true;
    setWiped(!mayStay);
    setText(mayStay ? value : "");
    try {
      setFault(mayStay ? "" : (EXPLAINED[pasted.kind]?.[0] ?? ""));
      onGiven(mayStay && value.trim() ? registeredKeys(value) : null);
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      setFault(error.message);
      onGiven(null);
    }
    return mayStay;
  };
  return (
    <Field label="The client's registered public keys (JWK Set), if you have them" fault={fault} hint={source(isHeld, given)}>
      {(named) => (
        <textarea
          {...named}
          {...AS_TYPED}
          rows={3}
          value={text}
          onInput={(input) => {
            if (!take(input.currentTarget.value)) input.currentTarget.value = "";
          }}
        />
      )}
    </Field>
  );
}

function source(isHeld: boolean, given: readonly JWK[] | null): string {
  if (given) return `Compared with ${given.length === 1 ? "the key" : `the ${given.length} keys`} that you gave.`;
  if (isHeld) return "Compared with the key that this page signs with, as if that were the registered one.";
  return "Without them neither kid nor signature can be judged. Public keys alone: a private one is not kept.";
}
