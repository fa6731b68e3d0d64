/** The checks of one text, made anew whenever what they depend on is another. */

import { useEffect, useMemo, useState } from "preact/hooks";

import type { Check } from "../../oauth/checks.ts";
import { announce } from "../../shell/announcements.tsx";
import { headlineOf } from "./verdict.tsx";

/** Returns what `judge` finds, null until it has; `subject` is all that it depends on. */
export function useChecks(judge: () => Promise<readonly Check[]>, subject: readonly unknown[]): readonly Check[] | null {
  const [result, setResult] = useState<{ readonly of: object; readonly checks: readonly Check[] } | null>(null);
  // What was found of one subject is never shown for another.
  const one = useMemo(() => ({}), subject);
  useEffect(() => {
    let isCurrent = true;
    void judge().then((checks) => {
      if (!isCurrent) return;
      setResult({ of: one, checks });
      announce(headlineOf(checks));
    });
    return () => {
      isCurrent = false;
    };
  }, [one]);
  return result?.of === one ? result.checks : null;
}
