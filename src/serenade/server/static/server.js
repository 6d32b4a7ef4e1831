// Requests to the server of this page.

import { $, hasText, text } from "./dom.js";

export const server = {
  model: { labels: [], key_needed: false, enrolment: false },
  voice: null, // the name of the enrolled voice
};

export class Failure extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

function makeAddress(path, parameters) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  return url;
}

const headers = () => (server.model.key_needed ? { "X-API-Key": key() } : {});

// The way of adapting that a person chose, for a recording or a stream.
export function getAdaptation() {
  if (server.voice) return { voice: server.voice };
  return $("adapt").checked ? { adapt: "unknown" } : {};
}

export const key = () => (server.model.key_needed ? $("key").value : undefined);

// Describes a fault, in the person's language if the page has a text for its kind; the server's
// messages are English.
export function explain(error, file = "") {
  if (error.kind === "Unauthorized") {
    $("key").focus();
    return text("keyWrong");
  }
  const known = `error${error.kind}`;
  return hasText(known) ? text(known, { file }) : error.message || String(error);
}

function toFailure(status, body) {
  let given = null;
  try {
    given = JSON.parse(body).error;
  } catch {
    // A proxy may answer with something else.
  }
  return new Failure(given?.type ?? "", given?.message ?? text("failed", { status }));
}

export async function ask(path, { method = "GET", body, parameters = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(makeAddress(path, parameters), { method, body, headers: headers(), signal });
  } catch (error) {
    if (error.name === "AbortError") throw new Failure("Cancelled", text("cancelled"));
    throw new Failure("Unreachable", text("unreachable"));
  }
  if (response.ok) return response;
  throw toFailure(response.status, await response.text());
}

// Sends a form; tells the share of it that was sent. fetch cannot tell that, hence the older way.
export function upload(path, form, parameters, { sent, signal }) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", makeAddress(path, parameters));
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) sent(event.loaded / event.total);
    });
    request.upload.addEventListener("load", () => sent(1));
    request.addEventListener("load", () => {
      if (request.status < 300) done(JSON.parse(request.responseText));
      else fail(toFailure(request.status, request.responseText));
    });
    request.addEventListener("error", () => fail(new Failure("Unreachable", text("unreachable"))));
    request.addEventListener("abort", () => fail(new Failure("Cancelled", text("cancelled"))));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// Asks for the timeline of a recording; tells the share sent, then the seconds analysed.
export async function analyse(blob, name, { sent, analysed, signal }) {
  const { max_size: most } = server.model;
  if (blob.size > most - 4096) {
    throw new Failure("", text("tooLarge", { file: name, size: Math.floor(most / 2 ** 20) }));
  }
  const progress = crypto.getRandomValues(new Uint32Array(4)).join("-");
  let over = false;
  const timer = setInterval(async () => {
    const answer = await ask(`v1/progress/${progress}`, { signal }).catch(() => null);
    const found = await answer?.json();
    if (found?.seconds && !over) analysed(found.seconds);
  }, 500);
  const form = new FormData();
  form.append("file", blob, name);
  const parameters = { ...getAdaptation(), envelope: 4000, progress };
  try {
    return await upload("v1/timeline", form, parameters, { sent, signal });
  } finally {
    over = true;
    clearInterval(timer);
  }
}
