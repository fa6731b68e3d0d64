/** A client in a report. */

import { shortName } from "../../oauth/client-name.ts";

/** Returns who a client is: the name before the id. */
export function clientText(id: string, name: string): string {
  return name ? `${shortName(name)} (${id})` : id || "not known";
}
