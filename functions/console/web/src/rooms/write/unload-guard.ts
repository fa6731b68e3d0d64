/** Asks before the tab is closed on something that was typed and not saved. */

import { useEffect } from "preact/hooks";

export function useUnloadGuard(isAtRisk: boolean): void {
  useEffect(() => {
    if (!isAtRisk) return;
    const guard = (unload: BeforeUnloadEvent) => unload.preventDefault();
    window.addEventListener("beforeunload", guard);
    return () => window.removeEventListener("beforeunload", guard);
  }, [isAtRisk]);
}
