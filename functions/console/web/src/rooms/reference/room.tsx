/** Room 7: the service's OpenAPI document in Swagger UI, whose calls carry the token of room 1. */

import { useEffect, useRef } from "preact/hooks";

import { TaskState, useTask } from "../../parts/task.tsx";
import { ask, asSent, recordedFetch } from "../../service/api.ts";
import { ROOT, VIEWER_STYLE } from "../../service/place.ts";
import { session } from "../../service/session.ts";
import { addressOf } from "../../shell/router.ts";
import { forViewer, type OpenApi } from "./viewer-document.ts";

export default function ReferenceRoom() {
  const place = useRef<HTMLDivElement>(null);
  const task = useTask();
  const open = () =>
    task.run(async (signal) => {
      const [{ default: SwaggerUI }, answer] = await Promise.all([
        import("swagger-ui-dist/swagger-ui-es-bundle.js"),
        ask({ to: "/openapi.json", withToken: false, signal }),
        viewerStyle(),
      ]);
      if (signal.aborted || !place.current) return;
      const document_ = forViewer(JSON.parse(answer.text) as OpenApi);
      SwaggerUI({
        domNode: place.current,
        // This page's own address, which may be another name of the same machine.
        spec: { ...document_, servers: [{ url: ROOT }] },
        docExpansion: "none",
        defaultModelsExpandDepth: -1,
        deepLinking: false,
        displayRequestDuration: true,
        tryItOutEnabled: true,
        filter: true,
        validatorUrl: null,
        requestInterceptor: asThisPageCalls,
      });
    });
  useEffect(open, []);
  useEffect(() => followScheme(), []);
  return (
    <>
      <TokenNotice />
      <TaskState task={task} again={open}>Opening the reference…</TaskState>
      <div class="viewer" ref={place} />
    </>
  );
}

function TokenNotice() {
  const one = session.value;
  return (
    <p class="notice">
      {one ? (
        <>
          Calls below are made with the token of <strong>{one.clientName}</strong>, unless you authorise another.
        </>
      ) : (
        <>
          Reading needs no token; most calls do. <a href={addressOf("token")}>Get a token</a>, and come back: it goes along.
        </>
      )}
    </p>
  );
}

interface ViewerRequest extends RequestInit {
  url: string;
  headers: Record<string, string>;
  userFetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** Has the viewer call as every room does: searches as forms, which it then shows and copies, and with the session's token. */
function asThisPageCalls(request: ViewerRequest): ViewerRequest {
  request.userFetch = recordedFetch;
  const { url, headers } = request;
  const outgoing = asSent({ method: request.method ?? "GET", url, headers, body: "" });
  // What is no search keeps the body that it has, or has not.
  if (outgoing.url !== url) Object.assign(request, outgoing);
  const token = session.value?.token.text;
  if (token && !request.headers["Authorization"] && !request.headers["authorization"]) {
    request.headers["Authorization"] = `Bearer ${token}`;
  }
  return request;
}

/** Has the viewer's style sheet, which goes by a class of the document, follow the reader's colour scheme. */
function followScheme(): () => void {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const { classList } = document.documentElement;
  const follow = () => classList.toggle("dark-mode", scheme.matches);
  follow();
  scheme.addEventListener("change", follow);
  return () => {
    scheme.removeEventListener("change", follow);
    classList.remove("dark-mode");
  };
}

let style: Promise<void> | null = null;

/** Fetches the viewer's style sheet, once. */
function viewerStyle(): Promise<void> {
  style ??= new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = VIEWER_STYLE;
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => reject(new Error("its style sheet could not be fetched")));
    document.head.append(link);
  });
  return style;
}
