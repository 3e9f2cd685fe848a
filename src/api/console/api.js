// Calls of the API behind the cookie. What goes wrong becomes a Failure with the sentence of the server.

const BASE = "/api/v1/admin/";

export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
    // Nobody needs to be told when the page goes to the sign-in form, or asks for a token.
    this.isOver = false;
  }
}

const told = { over: () => {}, tokenless: () => {} };

/** What to do when the session is over, and when it has no token. */
export const onceTold = (deeds) => Object.assign(told, deeds);

const NO_TOKEN = ["Matrix token not set for this session. Please set it first.", "Invalid matrix token"];

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(BASE + path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Failure(0, "wharf does not answer. Check that it runs, then try again.");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const failure = new Failure(answer.status, body.error ?? `The server answered ${answer.status}.`);
  if (answer.status === 401 && path !== "login") {
    failure.isOver = true;
    told.over();
  }
  if (answer.status === 403 && NO_TOKEN.includes(body.error)) {
    failure.isOver = true;
    told.tokenless();
  }
  throw failure;
}

/** A call with JSON. */
export const call = (method, path, body, headers) =>
  send(path, {
    method,
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

export const get = (path) => call("GET", path);

/** A call with fields and a file. */
export const upload = (path, form, headers) => send(path, { method: "POST", body: form, headers });

/** A stream of events; each name has its listener. Ends when the returned function is called. */
export function follow(path, listeners, state = () => {}) {
  const source = new EventSource(BASE + path);
  source.onopen = () => state("open");
  source.onerror = () => state(source.readyState === EventSource.CLOSED ? "closed" : "trying");
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  }
  return () => source.close();
}

/** The part of a path that a person wrote. */
export const part = (text) => encodeURIComponent(text);

/** Makes repeating a request harmless. */
export const idempotencyKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
