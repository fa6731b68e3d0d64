/** Room 4: one patient's record. `#/record` chooses whose, `#/record/4` is one. */

import { Place } from "../../parts/place.tsx";
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
    <Place kind="record" label={id === undefined ? "Choice of a patient" : `Record of Patient/${id}`}>
      {id !== undefined && id !== claims.patient && (
        <p class="another"><a href={addressOf("record")}>{claims.patient === undefined ? "Another patient" : "The patient of this token"}</a></p>
      )}
      {id === undefined ? <PatientChoice key={text} session={one} /> : <RecordView key={`${text} ${id}`} id={id} session={one} />}
    </Place>
  );
}
