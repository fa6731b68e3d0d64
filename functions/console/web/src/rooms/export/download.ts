/** Fetches an export's files with the page's token, one at a time, so that no more than one is in memory. */

import { type Answer, answerTo, type Call } from "../../service/api.ts";
import { ProblemError, problemOf } from "../../service/problem.ts";
import { canWait, type ExportedFile, nameOf, waitOf } from "./status.ts";
import { MEANS, type Means } from "./watch.ts";

export interface FileMeans extends Pick<Means, "pause"> {
  readonly answerTo: (call: Call) => Promise<Pick<Answer, "status" | "headers" | "text" | "file">>;
  readonly save: (file: Blob, name: string) => void;
}

const FILE_MEANS: FileMeans = { answerTo, pause: MEANS.pause, save };
/** How often a file that the server cannot send now is asked for. */
const MOST_TRIES = 5;

/** Saves files in their order, and tells each that is. Rejects with the first failure, a `ProblemError` if it is the server's. */
export async function download(
  files: readonly ExportedFile[],
  tell: (saved: ExportedFile) => void,
  signal: AbortSignal,
  means = FILE_MEANS,
): Promise<void> {
  for (const each of files) {
    means.save(await fetched(each, signal, means), nameOf(each));
    tell(each);
  }
}

async function fetched(file: ExportedFile, signal: AbortSignal, means: FileMeans): Promise<Blob> {
  for (let tries = 1; ; tries += 1) {
    const answer = await means.answerTo({ to: file.url, headers: { Accept: "application/fhir+ndjson" }, isFile: true, signal });
    if (answer.file) return checked(answer.file, file);
    const { status, headers, text } = answer;
    if (!canWait(status) || tries === MOST_TRIES) throw new ProblemError(problemOf(status, headers, text));
    await means.pause(waitOf(headers), signal);
  }
}

/** Returns the file if it has as many lines as the manifest says; throws a `ProblemError`. */
async function checked(blob: Blob, file: ExportedFile): Promise<Blob> {
  const lines = new Uint8Array(await blob.arrayBuffer()).reduce((count, byte) => (byte === LINE_FEED ? count + 1 : count), 0);
  if (lines === file.count) return blob;
  throw new ProblemError({
    title: "A file has not arrived whole.",
    remedy: "It was not saved. Download it again.",
    details: [{ text: `${nameOf(file)} has ${lines} lines, and ${file.count} are promised.`, where: "" }],
    status: 0,
    code: "",
    needsToken: false,
  });
}

const LINE_FEED = 10;

let lastSaved = "";

/** Hands a file to the browser, which saves it under a name. The one before is let go: the browser has it by now. */
function save(file: Blob, name: string): void {
  URL.revokeObjectURL(lastSaved);
  lastSaved = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = lastSaved;
  link.download = name;
  link.click();
}
