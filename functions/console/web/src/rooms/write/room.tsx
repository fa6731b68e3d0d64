/** Room 5: resources are created, changed and deleted, with the server's answers at their places. */

import { useEffect, useRef } from "preact/hooks";

import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import type { RoomProps } from "../room-props.ts";
import { Chooser } from "./chooser.tsx";
import { focusHeading, Heading } from "./heading.tsx";
import { OpenDesk } from "./open-desk.tsx";
import { rightsOf } from "./rights.ts";

export default function WriteRoom({ path }: RoomProps) {
  const one = session.value;
  const place = path.join("/");
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) focusHeading();
    isFirst.current = false;
  }, [place]);
  if (!one) {
    return (
      <p class="notice">
        Writing takes a token with a scope such as <code>user/Patient.write</code>.{" "}
        <a href={addressOf("token")}>Get a token</a>, and come back: it goes along.
      </p>
    );
  }
  const rights = rightsOf(one.scope, one.token.claims.patient);
  const [type, id = null] = path;
  const own = rights.find((each) => each.type.name === type);
  return (
    <>
      {type !== undefined && <a href={addressOf("write")}>Another type or resource</a>}
      <Heading path={path} />
      {type === undefined ? (
        <Chooser rights={rights} />
      ) : own ? (
        <OpenDesk key={place} type={type} id={id} rights={own} />
      ) : (
        <p class="notice">The service has no type of that name, or does not write it.</p>
      )}
    </>
  );
}
