/** What a refused write means to who was writing, in words nearer to it than a status is. */

import type { Problem } from "../../service/problem.ts";

/** Returns whether a write was refused because the resource is not at the version any more that was read. */
export function isStale({ status, details }: Problem): boolean {
  return status === 409 && details.some((each) => each.where === "http.If-Match");
}

/** Returns whether a problem is of the text itself: what is wrong can be marked in it. */
export function isOfText({ status }: Problem): boolean {
  return status === 400 || status === 422;
}

/** Returns a problem in the words of this room. */
export function asWriting(problem: Problem): Problem {
  const [title, remedy] = wordsOf(problem) ?? [problem.title, problem.remedy];
  return { ...problem, title, remedy };
}

/** Returns a problem of a whole Bundle in the words of this room. */
export function asBundle(problem: Problem): Problem {
  return { ...problem, title: "The server takes no such Bundle.", remedy: "Mend what is named below, then send it again: nothing was done." };
}

function wordsOf(problem: Problem): readonly [string, string] | null {
  switch (problem.status) {
    case 400:
      return ["The server cannot read it as this resource.", "Mend what is named below, then save again."];
    case 404:
      return ["There is no such resource.", "Check its type and id, and that the token opens it: what it may not know of looks absent."];
    case 409:
      return isStale(problem)
        ? ["Somebody else has changed it since it was read.", "Nothing was written."]
        : [
            "It is in use, and stays.",
            "Other resources refer to it, of the types that are named below. Delete those first, or have them refer to another.",
          ];
    case 413:
      return ["It is too large.", "Take something out, a picture or an attachment perhaps; nothing was written."];
    case 422:
      if (problem.code === "too-costly") {
        return ["It holds too much to be stored.", "Take something out of the element that is named below; nothing was written."];
      }
      return problem.code === "not-found"
        ? ["It refers to something that is not there.", "Change the reference that is named below, or create first what it names."]
        : ["The resource is not valid.", "Each fault is marked at its place. Mend them, then save again: nothing was written."];
    default:
      return null;
  }
}

/** What it means that a write was stopped on its way, or that nothing answered it. */
export const UNCERTAIN =
  "No answer has come: whether it was written is not known. Its versions, or a search, say so. Your text is kept.";
