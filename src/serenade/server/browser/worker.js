// The models in a Web Worker: speech detector and emotions. Messages name a task by its number.

import { InferenceSession, Tensor } from "./onnxruntime-web.js";
import { OwnAdaptation } from "./adaptation.js";
import { FRAME, HOP, LONGEST_UTTERANCE, RATE, Resampler, SegmentJoiner, WINDOW, Windower, concatenate } from "./windows.js";

const CONTEXT = 64; // samples of the frame before that the detector takes again
const CALL = 64; // frames of one call
const BLOCK = CALL * FRAME;
const LONG = 30 * RATE; // from which a recording gets a summary

let settings = null;
const loaded = load(); // without a top-level await, which would lose the messages until it is over

// Gives the sessions of the speech detector and of the model.
async function load() {
  settings = await (await fetch("settings.json")).json();
  const open = (path) => InferenceSession.create(path, { executionProviders: ["wasm"] });
  return Promise.all([open("detector.onnx"), open("model/head.onnx")]);
}

// The probability of speech of each frame, as Python's `VoiceActivity` computes it.
class Detector {
  rest = new Float32Array(0);
  context = new Float32Array(CONTEXT);
  state = [0, 0].map(() => new Tensor("float32", new Float32Array(128), [1, 1, 128]));

  async push(samples) {
    this.rest = concatenate(this.rest, samples);
    const found = [];
    while (this.rest.length >= FRAME) {
      const count = Math.min(CALL, Math.floor(this.rest.length / FRAME));
      found.push(...(await this.run(this.rest.subarray(0, count * FRAME), count)));
      this.rest = this.rest.slice(count * FRAME);
    }
    return found;
  }

  finish() {
    return this.push(new Float32Array(this.rest.length ? FRAME - this.rest.length : 0));
  }

  async run(samples, count) {
    const [detector] = await loaded;
    const signal = concatenate(this.context, samples);
    const rows = new Float32Array(count * (CONTEXT + FRAME));
    for (let i = 0; i < count; i++) rows.set(signal.subarray(i * FRAME, (i + 1) * FRAME + CONTEXT), i * (CONTEXT + FRAME));
    this.context = signal.slice(-CONTEXT);
    const input = new Tensor("float32", rows, [count, CONTEXT + FRAME]);
    const given = await detector.run({ input, h: this.state[0], c: this.state[1] });
    this.state = [given.hn, given.cn];
    return given.speech_probs.data;
  }
}

async function predict(samples) {
  const [, model] = await loaded;
  const { probabilities } = await model.run({ signal: new Tensor("float32", samples, [samples.length]) });
  return [...probabilities.data];
}

// Predicts the windows of a signal that arrives in pieces.
class Stream {
  constructor({ rate, adapt, live }) {
    this.resampler = new Resampler(rate);
    this.detector = new Detector();
    this.windower = new Windower(live);
    this.joiner = new SegmentJoiner();
    this.own = adapt && settings.adaptation ? new OwnAdaptation(settings.adaptation) : null;
  }

  async push(samples) {
    const signal = this.resampler.push(samples);
    return this.predictAll(this.windower.push(signal, await this.detector.push(signal)));
  }

  async finish() {
    const signal = this.resampler.finish();
    const updates = await this.predictAll(this.windower.push(signal, await this.detector.push(signal)));
    return [...updates, ...(await this.predictAll(this.windower.finish(await this.detector.finish())))];
  }

  async predictAll(windows) {
    const updates = [];
    for (const window of windows) {
      const plain = await predict(window.samples);
      const remarks = this.own ? this.own.remarks : {};
      const shares = this.own ? this.own.adapt(window, plain) : plain;
      const parts = window.full ? this.joiner.add(window, shares) : [];
      const { probabilities } = describe(shares);
      updates.push({
        start: seconds(window.start), end: seconds(window.end), speaking: !window.last, probabilities,
        parts, segments: parts.map(toSegment), ...remarks,
      });
    }
    return updates;
  }
}

const round = (value, digits) => Number(value.toFixed(digits));
const seconds = (samples) => round(samples / RATE, 3);

function describe(shares) {
  const best = shares.indexOf(Math.max(...shares));
  const probabilities = Object.fromEntries(settings.labels.map((label, c) => [label, round(shares[c], 4)]));
  return { emotion: settings.labels[best], probability: round(shares[best], 4), probabilities };
}

const toSegment = ({ start, end, shares }) => ({ start: seconds(start), end: seconds(end), ...describe(shares) });

// Analyses a signal as Python's `Model.predict_with_timeline` does.
async function analyse({ id, samples, rate, adapt }) {
  const resampler = new Resampler(rate);
  const signal = concatenate(resampler.push(samples), resampler.finish());
  const stream = new Stream({ rate: RATE, adapt, live: false });
  const parts = [];
  for (let start = 0; start < signal.length; start += BLOCK) {
    if (stopped.delete(id)) return null;
    for (const update of await stream.push(signal.subarray(start, start + BLOCK))) parts.push(...update.parts);
    postMessage({ id, kind: "progress", seconds: Math.min(start + BLOCK, signal.length) / RATE });
  }
  for (const update of await stream.finish()) parts.push(...update.parts);
  if (!parts.length) return null;
  const short = signal.length <= LONGEST_UTTERANCE;
  const shares = short ? await predict(signal) : average(parts);
  const summary = signal.length >= LONG ? { summary: summarise(parts, signal.length) } : {};
  const uncertain = settings.uncertain_below ? { uncertain: Math.max(...shares) < settings.uncertain_below } : {};
  const remarks = short || !stream.own ? {} : stream.own.remarks;
  return {
    duration: seconds(signal.length), ...describe(shares), ...uncertain, speech: seconds(measure(parts)), ...remarks,
    ...summary, segments: parts.map(toSegment),
  };
}

const measure = (parts) => parts.reduce((sum, { start, end }) => sum + end - start, 0);

function average(parts) {
  const all = measure(parts);
  return settings.labels.map((_, c) => parts.reduce((sum, { start, end, shares }) => sum + (end - start) * shares[c], 0) / all);
}

// Summarises a long recording as Python's `summarise` does.
function summarise(parts, length) {
  const found = settings.labels.map((label) => parts.filter(({ shares }) => describe(shares).emotion === label));
  const times = found.map((some, c) => [settings.labels[c], round(measure(some) / measure(parts), 4)]);
  const moments = found.flatMap((some, c) => {
    const best = some.reduce((a, b) => (a && a.shares[c] >= b.shares[c] ? a : b), null);
    return best && settings.labels[c] !== "neutral" && best.shares[c] >= settings.uncertain_below ? [best] : [];
  });
  const strength = ({ shares }) => Math.max(...shares);
  const thirds = [0, 1, 2].map((third) => {
    const [first, last] = [(length * third) / 3, (length * (third + 1)) / 3];
    const inside = parts.filter(({ start, end }) => start < last && end > first).map(({ start, end, shares }) =>
      ({ start: Math.max(start, first), end: Math.min(end, last), shares }));
    return inside.length ? toSegment({ start: first, end: last, shares: average(inside) }) : null;
  });
  return {
    shares: Object.fromEntries(times.filter(([, share]) => share).sort(([, a], [, b]) => b - a)),
    moments: moments.sort((a, b) => strength(b) - strength(a)).slice(0, 3).map(toSegment),
    thirds,
  };
}

const streams = new Map();
const stopped = new Set();
const tasks = {
  analyse,
  open: (message) => streams.set(message.id, new Stream({ ...message, live: true })) && [],
  push: ({ id, samples }) => streams.get(id).push(samples),
  end: async ({ id }) => {
    const updates = await streams.get(id).finish();
    streams.delete(id);
    return updates;
  },
};

let last = loaded; // tasks run one after the other
self.onmessage = ({ data }) => {
  if (data.kind === "stop") {
    stopped.add(data.id);
    return;
  }
  last = last.catch(() => {}).then(() => loaded).then(() => tasks[data.kind](data)).then(
    (found) => postMessage({ id: data.id, kind: data.kind, found }),
    (error) => postMessage({ id: data.id, kind: "failed", message: error.message || String(error) }),
  );
};
loaded.then(() => postMessage({ kind: "ready" }), (error) => postMessage({ kind: "broken", message: error.message }));
