// From samples to windows of speech, and from windows to segments, by the rules of Python's `Intake`,
// `Windower` and `SegmentJoiner`, which explain them. Times are counted in samples at 16 kHz.

export const RATE = 16000;
export const FRAME = 512; // samples for each probability of speech
export const WINDOW = 2 * RATE;
export const HOP = RATE;
export const LONGEST_UTTERANCE = 12 * RATE;

const SPEECH = 0.1;
const [SURE, SURE_FRAMES] = [0.5, 5];
const PAUSE = 14; // frames
const ONSET = 2; // frames
const SHORTEST = 0.2 * RATE;

export function concatenate(first, second) {
  const joined = new Float32Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

// Resamples a signal that arrives in pieces to 16 kHz, with a windowed sinc.
export class Resampler {
  constructor(rate) {
    const divide = (a, b) => (b ? divide(b, a % b) : a);
    const common = divide(rate, RATE);
    this.up = RATE / common;
    this.down = rate / common;
    const slower = Math.max(1, rate / RATE);
    this.reach = Math.ceil(48 * slower); // samples on each side
    this.kernels = Array.from({ length: this.up }, (_, phase) => this.makeKernel(phase / this.up, 0.965 / slower));
    this.kept = new Float32Array(this.reach); // silence before the first sample
    this.first = -this.reach; // place of the first of them in the signal
    this.taken = 0;
    this.given = 0;
  }

  makeKernel(offset, cutoff) {
    return Float64Array.from({ length: 2 * this.reach }, (_, tap) => {
      const time = tap + 1 - this.reach - offset;
      const angle = Math.PI * time * cutoff;
      const turn = (Math.PI * time) / this.reach;
      const window = Math.abs(time) < this.reach ? 0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn) : 0;
      return cutoff * window * (angle ? Math.sin(angle) / angle : 1);
    });
  }

  push(samples) {
    if (this.up === this.down) return samples;
    this.taken += samples.length;
    return this.resample(samples, Math.floor(((this.taken - this.reach) * this.up) / this.down));
  }

  finish() {
    if (this.up === this.down) return new Float32Array(0);
    return this.resample(new Float32Array(2 * this.reach), Math.ceil((this.taken * this.up) / this.down));
  }

  // Gives the samples up to `end`.
  resample(samples, end) {
    this.kept = concatenate(this.kept, samples);
    const found = new Float32Array(Math.max(0, end - this.given));
    for (let i = 0; i < found.length; i++, this.given++) {
      const place = Math.floor((this.given * this.down) / this.up);
      const kernel = this.kernels[(this.given * this.down) % this.up];
      const start = place - this.reach + 1 - this.first;
      for (let tap = 0; tap < kernel.length; tap++) found[i] += kernel[tap] * this.kept[start + tap];
    }
    const reach = Math.floor((this.given * this.down) / this.up) - this.reach + 1 - this.first;
    if (reach > 0) {
      this.kept = this.kept.slice(reach);
      this.first += reach;
    }
    return found;
  }
}

// Finds utterances, and lays windows over them: `live` gives an utterance's first windows before
// they are full.
export class Windower {
  constructor(live = false) {
    this.live = live;
    this.frames = 0;
    this.kept = new Float32Array(0);
    this.base = 0; // place of the first kept sample in the signal
    this.origin = null; // first sample of the utterance
    this.free = 0; // end of the utterance before
    this.speechEnd = 0;
    this.sure = 0;
    this.windows = 0; // of the utterance
  }

  // Takes samples, with the probabilities of speech of the frames that they complete.
  push(samples, probabilities) {
    this.kept = concatenate(this.kept, samples);
    const found = this.process(probabilities);
    this.dropUnreachable();
    return found;
  }

  finish(probabilities) {
    const found = this.process(probabilities);
    this.speechEnd = Math.min(this.speechEnd, this.base + this.kept.length);
    return [...found, ...this.cutWindows(), ...this.endUtterance()];
  }

  process(probabilities) {
    const found = [];
    for (const probability of probabilities) {
      const place = this.frames * FRAME;
      this.frames += 1;
      if (probability >= SPEECH) {
        this.takeSpeech(place, probability);
        if (this.speechEnd <= this.base + this.kept.length) found.push(...this.cutWindows());
      } else if (this.origin !== null && place + FRAME - this.speechEnd >= PAUSE * FRAME) {
        found.push(...this.endUtterance());
      }
    }
    return found;
  }

  takeSpeech(place, probability) {
    if (this.origin === null) {
      this.origin = Math.max(this.free, place - ONSET * FRAME);
      this.sure = this.windows = 0;
    }
    this.speechEnd = place + FRAME;
    if (probability >= SURE) this.sure += 1;
    if (this.sure < SURE_FRAMES) this.origin = Math.max(this.origin, this.speechEnd - WINDOW);
  }

  cutWindows() {
    const found = [];
    while (this.origin !== null && this.sure >= SURE_FRAMES) {
      const end = this.origin + (this.windows + 1) * HOP;
      if (end > this.speechEnd) break;
      this.windows += 1;
      const full = end - this.origin >= WINDOW;
      if (full || this.live) found.push(this.cut(end, full, false));
    }
    return found;
  }

  endUtterance() {
    if (this.origin === null) return [];
    const long = this.speechEnd - this.origin >= SHORTEST && this.sure >= SURE_FRAMES;
    const found = long ? [this.cut(this.speechEnd, true, true)] : [];
    this.free = this.speechEnd;
    this.origin = null;
    return found;
  }

  cut(end, full, last) {
    const start = Math.max(this.origin, end - WINDOW);
    const samples = this.kept.slice(start - this.base, end - this.base);
    return { start, end, samples, origin: this.origin, full, last };
  }

  dropUnreachable() {
    const reach = this.origin === null
      ? Math.max(this.free, (this.frames - ONSET) * FRAME)
      : Math.max(this.origin, this.speechEnd - WINDOW);
    if (reach > this.base) {
      this.kept = this.kept.slice(reach - this.base);
      this.base = reach;
    }
  }
}

const best = (shares) => shares.indexOf(Math.max(...shares));

// Samples; a shorter rest of an utterance belongs to the cell before it.
const SHORTEST_CELL = 160;

// Joins windows to segments as soon as later windows cannot change them.
export class SegmentJoiner {
  windows = [];
  cell = 0;
  open = null;

  // Takes a full window and its probabilities; gives segments of samples with probabilities.
  add(window, shares) {
    const found = [];
    if (!this.windows.length) this.cell = window.origin;
    const before = this.windows.at(-1);
    if (before?.start !== window.start || before?.end !== window.end) {
      this.windows.push({ start: window.start, end: window.end, shares });
    }
    const complete = window.last ? window.end : window.start;
    while (this.cell < complete) {
      const next = this.cell + HOP;
      const end = window.last && window.end - next < SHORTEST_CELL ? window.end : next;
      if (end > complete) break;
      found.push(...this.join(this.cell, end, this.average(this.cell, end)));
      this.cell = end;
    }
    this.windows = this.windows.filter((known) => known.end > this.cell);
    if (window.last) {
      found.push(...this.close());
      this.windows = [];
    }
    return found;
  }

  average(start, end) {
    const overlaps = this.windows.map((known) =>
      Math.max(0, Math.min(end, known.end) - Math.max(start, known.start)));
    const all = overlaps.reduce((sum, overlap) => sum + overlap, 0);
    const [{ shares }] = this.windows;
    return shares.map((_, c) => this.windows.reduce((sum, known, i) => sum + overlaps[i] * known.shares[c], 0) / all);
  }

  join(start, end, shares) {
    const found = this.open && best(this.open.shares) !== best(shares) ? this.close() : [];
    if (this.open) {
      const weight = (end - start) / (end - this.open.start);
      this.open.shares = this.open.shares.map((mean, c) => mean + weight * (shares[c] - mean));
      this.open.end = end;
    } else {
      this.open = { start, end, shares };
    }
    return found;
  }

  close() {
    const found = this.open ? [this.open] : [];
    this.open = null;
    return found;
  }
}
