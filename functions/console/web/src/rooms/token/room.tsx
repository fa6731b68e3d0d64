/** Room 1: the real call of /token, and everything about the token that comes back. */

import { useRef } from "preact/hooks";

import { session } from "../../service/session.ts";
import { isRoomId, ROOM_TITLES } from "../../shell/room-ids.ts";
import { addressOf, follow } from "../../shell/router.ts";
import type { RoomProps } from "../room-props.ts";
import { ClientForm } from "./client-form.tsx";
import { TokenCard } from "./token-card.tsx";

export default function TokenRoom({ path }: RoomProps) {
  const one = session.value;
  const isFresh = useRef(false);
  const [id = "", ...place] = path;
  const back = isRoomId(id) && id !== "token" ? id : null;
  const address = back && addressOf(back, ...place);
  const askedFor = () => {
    isFresh.current = true;
  };
  return (
    <>
      {back && address && <WayBack title={ROOM_TITLES[back]} address={address} />}
      <ClientForm onAsk={askedFor} onToken={() => address && follow(address)} />
      {one && <TokenCard key={one.token.text} session={one} isFresh={isFresh} />}
    </>
  );
}

function WayBack({ title, address }: { readonly title: string; readonly address: string }) {
  return (
    <p class="notice">
      With a token, the page goes back to where you were: <a href={address}>{title}</a>
    </p>
  );
}
