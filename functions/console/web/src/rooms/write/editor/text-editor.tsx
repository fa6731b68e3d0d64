/** The editor of a resource's text, with what is wrong marked at its place. */

import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";

import type { TextFault, TextRange } from "../../../fhir/json-places.ts";
import type { Format } from "../formats.ts";
import { type EditorWishes, extensions } from "./editor-setup.ts";

/** What is asked of an open editor. */
export interface EditorHandle {
  /** Selects a range, brings it into sight and puts the focus there. */
  readonly show: (range: TextRange) => void;
}

export function TextEditor({ label, format, text, revision, faults, isReadOnly, handle, onText, onSave }: {
  readonly label: string;
  /** Of the text; another one takes another editor. */
  readonly format: Format;
  readonly text: string;
  /** Another number where the text is to be taken over: one that was typed has been told of, and may have gone on. */
  readonly revision: number;
  readonly faults: readonly TextFault[];
  readonly isReadOnly: boolean;
  readonly handle: { current: EditorHandle | null };
  readonly onText: (text: string) => void;
  readonly onSave: () => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const wishes = useRef({ onText, onSave });
  wishes.current = { onText, onSave };
  useEffect(() => {
    if (!place.current) return;
    const opened = openedIn(place.current, text, { label, format, isReadOnly }, wishes);
    view.current = opened;
    handle.current = { show: (range) => show(opened, range) };
    return () => {
      handle.current = null;
      opened.destroy();
    };
  }, []);
  useEffect(() => {
    const { current } = view;
    // It can be undone like what was typed.
    if (current && text !== current.state.doc.toString()) {
      current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: text } });
    }
  }, [revision]);
  useEffect(() => {
    const { current } = view;
    if (current) current.dispatch(setDiagnostics(current.state, diagnosticsOf(faults, current.state.doc.length)));
  }, [faults]);
  return <div class="editor" ref={place} />;
}

function openedIn(
  place: HTMLElement,
  text: string,
  { label, format, isReadOnly }: Pick<EditorWishes, "label" | "format" | "isReadOnly">,
  wishes: { readonly current: { readonly onText: (text: string) => void; readonly onSave: () => void } },
): EditorView {
  // In a shadow root CodeMirror adopts style sheets that it constructs, which the page's policy allows; in the document
  // it would insert style elements, which the policy refuses.
  const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
  const state = EditorState.create({
    doc: text,
    extensions: extensions({
      label,
      format,
      isReadOnly,
      onText: (typed) => wishes.current.onText(typed),
      onSave: () => wishes.current.onSave(),
    }),
  });
  return new EditorView({ state, parent: root, root });
}

function show(view: EditorView, { from, to }: TextRange): void {
  const { length } = view.state.doc;
  const selection = { anchor: Math.min(from, length), head: Math.min(to, length) };
  view.dispatch({ selection, effects: EditorView.scrollIntoView(selection.anchor, { y: "center" }) });
  view.focus();
}

function diagnosticsOf(faults: readonly TextFault[], length: number): Diagnostic[] {
  return faults
    .map(({ from, to, text }) => ({ from: Math.min(from, length), to: Math.min(to, length), severity: "error" as const, message: text }))
    .sort((one, other) => one.from - other.from);
}
