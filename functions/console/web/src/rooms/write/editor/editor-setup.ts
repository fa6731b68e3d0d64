/** CodeMirror as this room has it: JSON or XML, its faults, its keys; colours are the page's own. */

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, foldInside, foldNodeProp, HighlightStyle, indentOnInput, LRLanguage, syntaxHighlighting } from "@codemirror/language";
import { nextDiagnostic, previousDiagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { parser } from "@lezer/xml";

import type { Format } from "../formats.ts";

const LANGUAGES: Readonly<Record<Format, () => Extension>> = {
  json,
  xml: () => LRLanguage.define({ parser: parser.configure({ props: [foldNodeProp.add({ Element: foldInside })] }) }),
};

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.tagName], color: "var(--accent)" },
  { tag: [tags.string, tags.attributeValue], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--text)", fontWeight: "600" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "8px", fontSize: ".85rem" },
  "&.cm-focused": { outline: "3px solid var(--focus)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", minHeight: "12rem", maxHeight: "min(60vh, 40rem)", overflow: "auto", borderRadius: "7px" },
  ".cm-content": { caretColor: "var(--text)", minHeight: "12rem" },
  ".cm-content ::selection": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--quiet)", borderInlineEnd: "1px solid var(--line)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--accent-soft)", color: "var(--text)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--line-strong)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--bad)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", color: "var(--quiet)", borderColor: "var(--line)" },
  ".cm-lintRange-error": { backgroundImage: "none", backgroundColor: "var(--bad-soft)", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-lintPoint-error::after": { borderBottomColor: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "8px", maxWidth: "min(32rem, 90vw)" },
  ".cm-diagnostic-error": { borderInlineStart: "4px solid var(--bad)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { paddingInlineEnd: "2rem" },
  ".cm-panel.cm-search label": { fontSize: "inherit" },
  ".cm-textfield, .cm-button": { color: "var(--text)", background: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "6px", fontSize: "inherit" },
  ".cm-panel.cm-search [name=close]": { color: "var(--text)", fontSize: "1.2rem" },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
  ".cm-searchMatch": { backgroundColor: "transparent", outline: "1px solid var(--focus)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--accent-soft)" },
});

export interface EditorWishes {
  readonly label: string;
  readonly format: Format;
  readonly isReadOnly: boolean;
  readonly onText: (text: string) => void;
  readonly onSave: () => void;
}

/** Returns the editor's extensions. Tab is not bound: it leaves the editor, as it leaves every other field. */
export function extensions({ label, format, isReadOnly, onText, onSave }: EditorWishes): Extension {
  const save = { key: "Mod-s", preventDefault: true, run: () => (onSave(), true) };
  const faults = [
    { key: "F8", run: nextDiagnostic },
    { key: "Shift-F8", run: previousDiagnostic },
  ];
  return [
    lineNumbers(),
    foldGutter(),
    highlightActiveLineGutter(),
    highlightSpecialChars(),
    history(),
    indentOnInput(),
    bracketMatching(),
    highlightSelectionMatches(),
    search(),
    LANGUAGES[format](),
    syntaxHighlighting(colours),
    look,
    EditorView.lineWrapping,
    EditorState.readOnly.of(isReadOnly),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", spellcheck: "false", autocapitalize: "off", autocorrect: "off", ...(isReadOnly && { "aria-readonly": "true" }) }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onText(update.state.doc.toString());
    }),
    keymap.of([save, ...faults, ...searchKeymap, ...historyKeymap, ...defaultKeymap]),
  ];
}
