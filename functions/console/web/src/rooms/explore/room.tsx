/** Room 3: every type that the server serves, searched by its own parameters, read, and followed along its references. */

import { useEffect, useRef, useState } from "preact/hooks";

import { capabilities, type TypeCapability } from "../../fhir/capabilities.ts";
import { TaskState, useTask } from "../../parts/task.tsx";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import type { RoomProps } from "../room-props.ts";
import { OpenResource } from "./open-resource.tsx";
import { SearchPlace } from "./search-place.tsx";
import { foundOf } from "./state.ts";
import { matchesOf } from "./search-page.ts";
import { TypeList } from "./type-list.tsx";

export default function ExploreRoom({ path }: RoomProps) {
  const [types, setTypes] = useState<readonly TypeCapability[] | null>(null);
  const task = useTask();
  const ask = () => task.run(async () => setTypes(await capabilities()));
  useEffect(ask, []);
  return (
    <>
      <TokenNotice />
      <TaskState task={task} again={ask}>Asking what the server serves…</TaskState>
      {types && <Place types={types} path={path} />}
    </>
  );
}

function TokenNotice() {
  if (session.value) return null;
  return (
    <p class="notice">
      Every search and every read needs a token. <a href={addressOf("token")}>Get a token</a>, and come back: what you have
      typed is still here then.
    </p>
  );
}

function Place({ types, path }: { readonly types: readonly TypeCapability[] } & RoomProps) {
  const [type = "", id = ""] = path;
  const capability = types.find((each) => each.type === type);
  const found = foundOf(type);
  const isListed = found !== null && matchesOf(found.page).some((each) => each.id === id);
  const isAlone = id !== "" && !isListed;
  const crumbs = useRef<HTMLElement>(null);
  const view = isAlone ? `${type}/${id}` : type;
  const earlier = useRef(view);
  useEffect(() => {
    // What had the focus is gone with the former view.
    if (earlier.current !== view) crumbs.current?.focus();
    earlier.current = view;
  }, [view]);
  return (
    <>
      {type && (
        <nav class="crumbs" aria-label="Place" tabIndex={-1} ref={crumbs}>
          <a href={addressOf("explore")}>All types</a>
          <span aria-hidden="true">›</span>
          {isAlone && capability ? <a href={addressOf("explore", type)}>{type}</a> : <strong>{type}</strong>}
          {isAlone && <><span aria-hidden="true">›</span> <strong class="wrap">{id}</strong></>}
        </nav>
      )}
      {!type ? (
        <TypeList types={types} />
      ) : !capability ? (
        <p class="notice">The server serves no type of this name. Choose one of those that it serves.</p>
      ) : isAlone ? (
        <OpenResource key={view} type={type} id={id} />
      ) : (
        <SearchPlace key={type} capability={capability} types={types} selected={id} />
      )}
    </>
  );
}
