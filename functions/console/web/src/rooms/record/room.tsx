/** Room 4: one patient's record. `#/record` chooses whose, `#/record/4` is one. */

import { useEffect, useRef } from "preact/hooks";

import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import type { RoomProps } from "../room-props.ts";
import { PatientChoice } from "./patient-choice.tsx";
import { RecordView } from "./record-view.tsx";

export default function RecordRoom({ path }: RoomProps) {
  const one = session.value;
  if (!one) {
    return (
      <p class="notice">
        A record is opened by a token. <a href={addressOf("token")}>Get a token</a>, and come back.
      </p>
    );
  }
  const { text, claims } = one.token;
  // A token of one patient's needs no choice.
  const id = path[0] ?? claims.patient;
  return (
    <Place label={id === undefined ? "Choice of a patient" : `Record of Patient/${id}`}>
      {id !== undefined && id !== claims.patient && (
        <p class="another"><a href={addressOf("record")}>{claims.patient === undefined ? "Another patient" : "The patient of this token"}</a></p>
      )}
      {id === undefined ? <PatientChoice key={text} session={one} /> : <RecordView key={`${text} ${id}`} id={id} session={one} />}
    </Place>
  );
}

/** Takes the focus when one place of the room follows another: what had it is gone. */
function Place({ label, children }: { readonly label: string; readonly children: preact.ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  const known = useRef(label);
  useEffect(() => {
    if (known.current === label) return;
    known.current = label;
    place.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [label]);
  return (
    <div class="record" role="group" aria-label={label} tabIndex={-1} ref={place}>
      {children}
    </div>
  );
}
