// Analyses by the server of this page. A page without a server has another file of this name, which
// exports the same names: ../browser/backend.js.

import { $, Failure, text } from "./dom.js";

export const backend = {
  model: { labels: [] },
  voice: null, // the name of the enrolled voice
};

function makeAddress(path, parameters) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  return url;
}

const headers = () => (backend.model.key_needed ? { "X-API-Key": key() } : {});

// The way of adapting that a person chose, for a recording or a stream.
function getAdaptation() {
  if (backend.voice) return { voice: backend.voice };
  return $("adapt").checked ? { adapt: "unknown" } : {};
}

const key = () => (backend.model.key_needed ? $("key").value : undefined);

function toFailure(status, body) {
  let given = null;
  try {
    given = JSON.parse(body).error;
  } catch {
    // A proxy may answer with something else.
  }
  return new Failure(given?.type ?? "", given?.message ?? text("failed", { status }));
}

async function ask(path, { method = "GET", body, parameters = {}, signal } = {}) {
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
function upload(path, form, parameters, { sent, signal }) {
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
  const { max_size: most } = backend.model;
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
  const parameters = { ...getAdaptation(), speakers: $("speakers").value, envelope: 4000, progress };
  try {
    return await upload("v1/timeline", form, parameters, { sent, signal });
  } finally {
    over = true;
    clearInterval(timer);
  }
}

// Tells what the model and the server can do; elements with data-needs are shown by it.
export async function loadModel() {
  backend.model = { ...(await (await ask("v1/model")).json()), server: true };
}

export const loadExample = async () => (await ask("example.ogg")).blob();

// Converts a timeline to a format; gives a blob.
export async function convert(timeline, format) {
  const body = JSON.stringify(timeline);
  return (await ask("v1/convert", { method: "POST", body, parameters: { format } })).blob();
}

export async function enrol(blob) {
  const form = new FormData();
  form.append("file", blob, "voice.wav");
  const options = { sent: () => {}, signal: new AbortController().signal };
  backend.voice = (await upload("v1/voices", form, {}, options)).voice;
}

export async function forget() {
  await ask(`v1/voices/${encodeURIComponent(backend.voice)}`, { method: "DELETE" });
  backend.voice = null;
}

// Opens a stream of a recording, whose pieces it takes; `update` gets each update, and `fault` the
// message of what went wrong.
export function openStream(recording, update, fault) {
  const url = new URL("v1/stream", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  let ready = false;
  socket.onopen = () => {
    const hello = { sampling_rate: recording.rate, format: "s16le", ...getAdaptation() };
    if (key() !== undefined) hello.api_key = key();
    socket.send(JSON.stringify(hello));
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "ready") {
      for (const piece of recording.pieces) socket.send(piece); // spoken before it was ready
      ready = true;
    } else if (message.type === "update") {
      update(message);
    } else if (message.type === "error") {
      fault(message.error.message);
    }
  };
  return {
    send: (piece) => ready && socket.readyState === WebSocket.OPEN && socket.send(piece),
    end: () => {
      if (ready && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" }));
      else socket.close();
    },
  };
}
