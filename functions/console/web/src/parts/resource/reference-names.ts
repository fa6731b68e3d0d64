/** What references are called where the resources that they lead to are at hand. */

import { createContext } from "preact";

/** Returns the name of what a literal reference leads to, and the reference itself if it is not known. */
export const ReferenceNames = createContext<(reference: string) => string>((reference) => reference);
