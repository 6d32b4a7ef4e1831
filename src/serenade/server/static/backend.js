// Analyses by the server of this page. A page without a server has another file of this name, which
// exports the same names: ../browser/backend.js.

import { $, Failure, makeCancelled, text } from "./dom.js";

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

// JSON data, or null: a proxy may answer with something else.
function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function toFailure(status, body) {
  const given = parse(body)?.error;
  return new Failure(given?.type ?? "", given?.message ?? (() => text("failed", { status })));
}

const makeUnreachable = () => new Failure("Unreachable", () => text("unreachable"));

async function ask(path, { method = "GET", body, parameters = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(makeAddress(path, parameters), { method, body, headers: headers(), signal });
  } catch (error) {
    throw error.name === "AbortError" ? makeCancelled() : makeUnreachable();
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
      const found = request.status < 300 ? parse(request.responseText) : null;
      if (found) done(found);
      else fail(toFailure(request.status, request.responseText));
    });
    request.addEventListener("error", () => fail(makeUnreachable()));
    request.addEventListener("abort", () => fail(makeCancelled()));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// Asks for the timeline of a recording; tells the share sent, then the seconds analysed.
export async function analyse(blob, name, { sent, analysed, signal }) {
  const { max_size: most } = backend.model;
  if (blob.size > most - 4096) {
    throw new Failure("", () => text("tooLarge", { file: name, size: Math.floor(most / 2 ** 20) }));
  }
  const progress = crypto.getRandomValues(new Uint32Array(4)).join("-");
  let over = false;
  const timer = setInterval(async () => {
    const answer = await ask(`v1/progress/${progress}`, { signal }).catch(() => null);
    const found = await answer?.json().catch(() => null);
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
  const response = await ask("v1/model");
  const found = parse(await response.text());
  if (!found) throw toFailure(response.status, "");
  backend.model = { ...found, server: true };
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
  const before = backend.voice;
  backend.voice = (await upload("v1/voices", form, {}, options)).voice;
  if (before) await remove(before).catch(() => {}); // the server forgets it after some time
}

const remove = (voice) => ask(`v1/voices/${encodeURIComponent(voice)}`, { method: "DELETE" });

export async function forget() {
  await remove(backend.voice);
  backend.voice = null;
}

// Opens a stream of a recording, whose pieces it takes; `update` gets each update, and `fault` the
// message of what went wrong.
export function openStream(recording, update, fault) {
  const url = new URL("v1/stream", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  let ready = false;
  let over = false; // it was ended here, or its fault is known
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
      over = true;
      fault(message.error.message);
    }
  };
  socket.onclose = ({ code }) => {
    if (!over && code !== 1000) fault(text("unreachable"));
  };
  return {
    send: (piece) => ready && socket.readyState === WebSocket.OPEN && socket.send(piece),
    end: () => {
      over = true;
      if (ready && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" }));
      else socket.close();
    },
  };
}
