// Analyses in the browser, for a page without a server; the names are those of ../static/backend.js.

import { $, Failure, makeCancelled } from "./dom.js";
import { FORMATTERS } from "./formats.js";

const [SHORTEST, SILENCE] = [0.1, 1e-4]; // seconds; of full scale
const POINTS = 4000; // of a waveform
const [LARGE, LARGE_WAV] = [2 ** 24, 2 ** 28]; // bytes
const LONGEST = 3600; // seconds of a recording from the microphone

export const backend = { model: { labels: [] }, voice: null };

let worker = null;
let loading = null; // a promise of the models
let ready = false;
let broken = null; // the fault that ended the worker
let count = 0;
const waiting = new Map(); // functions that take the messages of a task, by its number

export async function loadModel() {
  const response = await fetch("settings.json");
  if (!response.ok) throw new Failure("", `settings.json: ${response.status}; build the page again`);
  const { labels, licence, version, adaptation } = await response.json();
  backend.model = { labels, licence, version, adaptation, here: true, max_size: Infinity, max_duration: LONGEST };
  worker = new Worker("worker.js", { type: "module" });
  loading = new Promise((done) => {
    worker.onerror = ({ message }) => done(endTasks(message ?? "its program cannot be read"));
    worker.onmessage = ({ data }) => {
      if (data.kind === "ready") done((ready = true));
      else if (data.kind === "broken") done(endTasks(data.message));
      else waiting.get(data.id)?.(data);
    };
  });
}

// Ends all tasks, and refuses further ones, when the worker has failed.
function endTasks(message) {
  const problem = ready ? "the models have stopped" : "the models cannot be loaded";
  broken = new Failure("", `${problem}: ${message}; reload the page`);
  worker.terminate();
  for (const take of [...waiting.values()]) take({ kind: "failed", message: broken.message });
}

// Waits for the models, unless the task is cancelled.
async function waitForModels(signal) {
  const stopped = new Promise((_, fail) => signal?.addEventListener("abort", () => fail(makeCancelled())));
  await Promise.race([loading, stopped]);
  if (broken) throw broken;
}

export const loadExample = async () => (await fetch("example.ogg")).blob();

export async function convert(timeline, format) {
  return new Blob([FORMATTERS[format](timeline, backend.model.labels)], { type: "text/plain" });
}

const refuse = async () => {
  throw new Failure("", "this page has no server that could adapt to a voice");
};
export { refuse as enrol, refuse as forget };

// Does a task of the worker; `progressed` gets the seconds that are done.
async function run(kind, message, { progressed = () => {}, signal } = {}) {
  await waitForModels(signal);
  const id = ++count;
  return new Promise((done, fail) => {
    waiting.set(id, (answer) => {
      if (answer.kind === "progress") {
        progressed(answer.seconds);
        return;
      }
      waiting.delete(id);
      if (answer.kind === "failed") fail(new Failure("", answer.message));
      else done(answer.found);
    });
    signal?.addEventListener("abort", () => {
      waiting.delete(id);
      worker.postMessage({ kind: "stop", id });
      fail(makeCancelled());
    });
    worker.postMessage({ id, kind, ...message });
  });
}

// The rate to decode a file at: its own, so that its samples are resampled as in Python, if its
// header is of a kind that is known here; else a common one. Large files are decoded at the rate of
// the model, which takes less memory.
function chooseRate(bytes) {
  const view = new DataView(bytes);
  const has = (place, letters) => [...letters].every((letter, i) => view.getUint8(place + i) === letter.charCodeAt(0));
  const wav = bytes.byteLength > 44 && has(0, "RIFF") && has(12, "fmt ");
  let rate = 48000;
  if (bytes.byteLength > (wav ? LARGE_WAV : LARGE)) rate = 16000;
  else if (wav) rate = view.getUint32(24, true);
  else if (bytes.byteLength > 44 && has(0, "fLaC")) rate = view.getUint32(18) >>> 12;
  else if (bytes.byteLength > 44 && has(0, "OggS") && has(29, "vorbis")) rate = view.getUint32(40, true);
  return Math.min(96000, Math.max(8000, rate));
}

// Reads a recording with the browser's decoders, as the mean of its channels.
async function decode(blob, name) {
  let buffer;
  try {
    const bytes = await blob.arrayBuffer();
    buffer = await new OfflineAudioContext(1, 1, chooseRate(bytes)).decodeAudioData(bytes);
  } catch {
    throw new Failure("NotDecoded", `${name}: this browser cannot read it; convert it to WAV, MP3 or M4A`);
  }
  const signal = buffer.getChannelData(0).slice();
  for (let channel = 1; channel < buffer.numberOfChannels; channel++) {
    buffer.getChannelData(channel).forEach((value, i) => (signal[i] += value));
  }
  if (buffer.numberOfChannels > 1) signal.forEach((value, i) => (signal[i] = value / buffer.numberOfChannels));
  if (buffer.duration < SHORTEST) {
    throw new Failure("TooShortError", `${name}: is too short; give at least ${SHORTEST} s of speech`);
  }
  if (!signal.some((value) => Math.abs(value) >= SILENCE)) {
    throw new Failure("SilenceError", `${name}: is silent; check the microphone and its level`);
  }
  return [signal, buffer.sampleRate];
}

// The lowest and the highest sample of equal stretches.
function computeEnvelope(signal) {
  const size = Math.ceil(signal.length / POINTS);
  const envelope = { low: [], high: [] };
  for (let start = 0; start < signal.length; start += size) {
    const [low, high] = signal.subarray(start, start + size).reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [1, -1]);
    envelope.low.push(low);
    envelope.high.push(high);
  }
  return envelope;
}

export async function analyse(blob, name, { loadingModel, sent, analysed, signal: stopping }) {
  if (!ready) loadingModel();
  await waitForModels(stopping);
  sent(1);
  const [samples, rate] = await decode(blob, name);
  stopping.throwIfAborted();
  const found = await run("analyse", { samples, rate, adapt: $("adapt").checked }, { progressed: analysed, signal: stopping });
  if (!found) {
    throw new Failure("NoSpeechError", `${name}: contains no speech that was found; give a recording of speech, or a louder one`);
  }
  return { file: name, ...found, envelope: computeEnvelope(samples) };
}

export function openStream(recording, update, fault) {
  const id = ++count;
  if (broken) fault(broken.message);
  waiting.set(id, (answer) => {
    if (answer.kind === "failed") fault(answer.message);
    else answer.found.forEach(update);
    if (answer.kind !== "open" && answer.kind !== "push") waiting.delete(id);
  });
  const post = (kind, message = {}) => worker.postMessage({ id, kind, ...message });
  const send = (piece) => post("push", { samples: Float32Array.from(piece, (value) => value / 32768) });
  post("open", { rate: recording.rate, adapt: $("adapt").checked });
  recording.pieces.forEach(send); // spoken before
  return { send, end: () => post("end") };
}
