// Adaptation of a recording to its earlier utterances, by the rules of Python's `OwnAdaptation`,
// `Adaptation` and `Places`, which explain them and have the equations. Rows are plain arrays.

import { LONGEST_UTTERANCE } from "./windows.js";

const MOST_OWN = 60; // windows
const SAME = 1e-5;
const LEAST = 1e-30;
const [STEPS, DAMPING] = [12, 0.5];
const [DOUBT, ENOUGH, MOSTLY] = [0.5, 20, 0.7];

const sum = (values) => values.reduce((total, value) => total + value, 0);
const addColumns = (rows) => rows[0].map((_, c) => sum(rows.map((row) => row[c])));

function normaliseLogs(logs) {
  const top = Math.max(...logs);
  const all = Math.log(sum(logs.map((value) => Math.exp(value - top))));
  return logs.map((value) => value - top - all);
}

// The product of a row and a matrix.
const project = (row, matrix) => matrix[0].map((_, v) => sum(row.map((value, c) => value * matrix[c][v])));

class Adaptation {
  // `settings` are written by `_browser_folder.py`.
  constructor(settings, rows = []) {
    this.settings = settings;
    this.rows = rows; // log posteriors, no two of them equal
    this.own = null;
  }

  take(found) {
    const rows = found.map((shares) => this.restoreLogs(shares).map((value) => Math.round(1e6 * value) / 1e6));
    return new Adaptation(this.settings, [...new Map(rows.map((row) => [row.join(), row])).values()]);
  }

  restoreLogs(shares) {
    return normaliseLogs(shares.map((share) => this.settings.temperatures[0] * Math.log(Math.max(share, LEAST))));
  }

  probabilities(shares) {
    const row = this.restoreLogs(shares);
    const same = this.rows.findIndex((known) =>
      project(known.map((value, c) => value - row[c]), this.settings.contrasts).every((value) => Math.abs(value) < SAME));
    if (same >= 0) this.own ??= this.adapt(this.rows);
    return (same >= 0 ? this.own[same] : this.adapt([...this.rows, row]).at(-1)).map(Math.exp);
  }

  // Computes calibrated log posteriors of recordings, each given the others.
  adapt(plain) {
    const { labels, centre, axes, expectation, temperatures } = this.settings;
    const count = plain.length;
    const z = plain.map((row) => project(project(row, this.settings.contrasts).map((value, v) => value - centre[v]), axes));
    const means = this.settings.means.map((mean) => project(mean, axes));
    const prior = makePrior(expectation, labels, count);
    let r = plain.map((row) => normaliseLogs(row.map((value) => expectation.softness * value)).map(Math.exp));
    let drifts = plain.map((row) => row.map(() => means[0].map(() => 0)));
    let evidence, shares;
    for (let step = 0; step < STEPS; step++) {
      [evidence, drifts] = this.findEvidence(z, r, drifts, means);
      const all = addColumns(r);
      shares = r.map((row) => {
        const expected = row.map((value, c) => prior[c] + all[c] - value);
        return expected.map((value) => Math.log(value / sum(expected)));
      });
      r = r.map((row, n) => {
        const next = normaliseLogs(evidence[n].map((value, c) => expectation.softness * value + shares[n][c]));
        return row.map((value, c) => (1 - DAMPING) * value + DAMPING * Math.exp(next[c]));
      });
    }
    const likely = findTrust(expectation, labels, plain);
    return plain.map((row, n) => {
      const sure = (likely[n] * (count - 1)) / (count + 1);
      const weight = expectation.weight * sure;
      const adapted = normaliseLogs(evidence[n].map((value, c) => value + expectation.shares * shares[n][c]));
      const mixed = normaliseLogs(row.map((value, c) => (1 - weight) * value + weight * adapted[c]));
      const [alone, full] = temperatures;
      return normaliseLogs(mixed.map((value) => value / (alone ** (1 - sure) * full ** sure)));
    });
  }

  findEvidence(z, r, before, means) {
    const { variances, expectation: { drift } } = this.settings;
    const spread = variances.map((variance) => variance / (1 + (z.length - 1) * variance));
    const d = z.map((row, n) => row.map((value, v) =>
      value - sum(r[n].map((share, c) => share * (means[c][v] + before[n][c][v])))));
    const all = addColumns(d);
    const known = addColumns(r);
    const total = means.map((_, c) => z[0].map((_, v) => sum(z.map((row, n) => r[n][c] * row[v]))));
    const evidence = [];
    const drifts = z.map((row, n) => {
      evidence.push([]);
      return means.map((mean, c) => {
        const others = known[c] - r[n][c];
        const rest = drift / (1 + drift * others);
        let distance = 0;
        const moved = row.map((value, v) => {
          const centre = spread[v] * (all[v] - d[n][v]) + mean[v];
          const own = rest * (total[c][v] - r[n][c] * value - others * centre);
          const variance = 1 + spread[v] + rest;
          distance += (value - centre - own) ** 2 / variance + Math.log(variance);
          return own;
        });
        evidence[n].push(-0.5 * distance);
        return moved;
      });
    });
    return [evidence, drifts];
  }
}

function makePrior({ neutral, counts }, labels, count) {
  return labels.map((label) => {
    const rest = (1 - neutral) / (labels.length - 1);
    const share = neutral === null ? 1 / labels.length : label === "neutral" ? neutral : rest;
    return share * labels.length * counts * Math.sqrt(count);
  });
}

// The probability that the other recordings of each are as expected.
function findTrust({ neutral, trust }, labels, plain) {
  const classes = labels.length;
  const contents = [labels.map(() => 1 / classes)];
  for (const main of labels) {
    contents.push(labels.map((label) => (label === main ? MOSTLY : (1 - MOSTLY) / (classes - 1))));
  }
  const expected = neutral === null ? 0 : 1 + labels.indexOf("neutral");
  const logs = plain.map((row) => contents.map((shares) =>
    Math.log(sum(row.map((value, c) => Math.exp(value) * shares[c])))));
  const all = addColumns(logs);
  const weight = DOUBT * Math.min(1, ENOUGH / Math.max(1, plain.length - 1));
  return logs.map((row) => {
    const found = row.map((value, k) => weight * (all[k] - value));
    const top = Math.max(...found);
    const odds = found.map((value, k) => (k === expected ? trust : (1 - trust) / classes) * Math.exp(value - top));
    return odds[expected] / sum(odds);
  });
}

// Adapts the windows of a recording to its earlier utterances.
export class OwnAdaptation {
  constructor(settings) {
    this.adaptation = new Adaptation(settings);
    this.earlier = [];
    this.current = []; // of this utterance
    this.begin = 0; // first sample of the utterance, or of its current part
    this.free = 0; // first sample that no counted window contains
  }

  get remarks() {
    const count = this.adaptation.rows.length;
    return count ? { adapted_to: count, assumed: this.adaptation.settings.assumed } : {};
  }

  adapt(window, plain) {
    const adapted = this.adaptation.rows.length ? this.adaptation.probabilities(plain) : plain;
    if (window.full && window.start >= this.free) {
      if (!this.current.length) this.begin = window.start;
      this.current = [...this.current, plain].slice(-MOST_OWN);
      this.free = window.end;
    }
    if (window.last) {
      this.remember(0);
    } else if (this.current.length && window.end - this.begin >= LONGEST_UTTERANCE) {
      this.remember(1);
      this.begin = window.start;
    }
    return adapted;
  }

  remember(keep) {
    const count = Math.max(0, this.current.length - keep);
    this.earlier = [...this.earlier, ...this.current.splice(0, count)].slice(-MOST_OWN);
    this.adaptation = this.adaptation.take(this.earlier);
  }
}
