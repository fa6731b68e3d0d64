/** JSON line by line, each in pieces of one kind, so that it can be coloured, cut and linked. */

export interface JsonPiece {
  readonly kind: "mark" | "name" | "text" | "number" | "word";
  readonly text: string;
  /** Where it is the value of a `reference`: the reference itself, else empty. */
  readonly reference: string;
}

export interface JsonLine {
  /** How deep it stands. */
  readonly depth: number;
  readonly pieces: readonly JsonPiece[];
}

/** Yields the lines of a value as `JSON.stringify` would set them, one after another. */
export function* jsonLines(value: unknown): Generator<JsonLine, void> {
  yield* linesOf(value, 0, [], [], "");
}

function* linesOf(
  value: unknown,
  depth: number,
  before: readonly JsonPiece[],
  after: readonly JsonPiece[],
  name: string,
): Generator<JsonLine, void> {
  if (typeof value !== "object" || value === null) {
    yield { depth, pieces: [...before, leaf(value, name), ...after] };
    return;
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  if (!members.length) {
    yield { depth, pieces: [...before, mark(open + close), ...after] };
    return;
  }
  yield { depth, pieces: [...before, mark(open)] };
  for (const [place, [key, each]] of members.entries()) {
    const comma = place < members.length - 1 ? [mark(",")] : [];
    const label = Array.isArray(value) ? [] : [{ kind: "name", text: JSON.stringify(key), reference: "" } as const, mark(": ")];
    yield* linesOf(each, depth + 1, label, comma, Array.isArray(value) ? name : key);
  }
  yield { depth, pieces: [mark(close), ...after] };
}

function leaf(value: unknown, name: string): JsonPiece {
  const text = JSON.stringify(value);
  if (typeof value === "string") return { kind: "text", text, reference: name === "reference" ? value : "" };
  return { kind: typeof value === "number" ? "number" : "word", text, reference: "" };
}

function mark(text: string): JsonPiece {
  return { kind: "mark", text, reference: "" };
}
