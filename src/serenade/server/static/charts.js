// Colours of emotions, and the drawings that the live display and the timeline share.

import { backend } from "./backend.js";
import { clock } from "./dom.js";

// The colours of Okabe & Ito in the order of the labels, as in all figures of Serenade, and the
// colour of text that can be read on each.
const COLOURS = [
  ["#d55e00", "#000"], ["#e69f00", "#000"], ["#999999", "#000"], ["#0072b2", "#fff"],
  ["#cc79a7", "#000"], ["#009e73", "#000"], ["#f0e442", "#000"], ["#56b4e9", "#000"],
];

const number = (label) => Math.max(0, backend.model.labels.indexOf(label)) % COLOURS.length;
export const colour = (label) => COLOURS[number(label)][0];
export const inkOn = (label) => COLOURS[number(label)][1];

// A canvas's pen in CSS pixels on a clean canvas, sharp on every screen.
export function prepare(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// The probabilities of each span of time as areas on top of each other.
export function drawStack(pen, spans, toX, box) {
  for (const span of spans) {
    const left = toX(span.start);
    const right = toX(span.end);
    if (right < 0 || left > box.width) continue;
    let bottom = box.top + box.height;
    for (const label of backend.model.labels) {
      const height = (span.probabilities[label] ?? 0) * box.height;
      pen.fillStyle = colour(label);
      pen.fillRect(left, bottom - height, Math.max(1, right - left), height);
      bottom -= height;
    }
  }
}

// The mean probabilities in equal parts of a span of time, for a view in which segments are too
// narrow to be seen; parts without speech are left out.
export function average(spans, first, last, count) {
  const step = (last - first) / count;
  const parts = Array.from({ length: count }, (_, i) => ({ start: first + i * step, weight: 0, sums: {} }));
  for (const { start, end, probabilities } of spans) {
    const from = Math.max(0, Math.floor((start - first) / step));
    const to = Math.min(count - 1, Math.floor((end - first) / step));
    for (let i = from; i <= to; i++) {
      const part = parts[i];
      const overlap = Math.min(end, part.start + step) - Math.max(start, part.start);
      part.weight += overlap;
      for (const [label, share] of Object.entries(probabilities)) {
        part.sums[label] = (part.sums[label] ?? 0) + overlap * share;
      }
    }
  }
  return parts
    .filter(({ weight }) => weight > 0)
    .map(({ start, weight, sums }) => ({
      start,
      end: start + step,
      probabilities: Object.fromEntries(Object.entries(sums).map(([label, sum]) => [label, sum / weight])),
    }));
}

// Probabilities that change from point to point, as areas with sloping borders.
export function drawArea(pen, points, toX, box) {
  const base = points.map(() => 0);
  for (const label of backend.model.labels) {
    const next = points.map((point, i) => base[i] + (point.probabilities[label] ?? 0));
    pen.beginPath();
    next.forEach((share, i) => pen.lineTo(toX(points[i].time), box.top + box.height * (1 - share)));
    for (let i = points.length - 1; i >= 0; i--) {
      pen.lineTo(toX(points[i].time), box.top + box.height * (1 - base[i]));
    }
    pen.fillStyle = colour(label);
    pen.fill();
    next.forEach((share, i) => (base[i] = share));
  }
}

export function drawWave(pen, { low, high }, total, toX, box, fill) {
  const most = Math.max(0.01, ...high, ...low.map((value) => -value));
  const middle = box.top + box.height / 2;
  pen.fillStyle = fill;
  low.forEach((value, i) => {
    const left = toX((i * total) / low.length);
    const right = toX(((i + 1) * total) / low.length);
    if (right < 0 || left > box.width) return;
    const top = middle - (box.height / 2) * (high[i] / most);
    const bottom = middle - (box.height / 2) * (value / most);
    pen.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
  });
}

// Times below a drawing, as close as they can be read.
export function drawAxis(pen, first, last, toX, box, fill) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
  const step = steps.find((seconds) => toX(first + seconds) - toX(first) >= 64) ?? 3600;
  pen.fillStyle = fill;
  pen.font = "12px system-ui, sans-serif";
  for (let time = Math.ceil(first / step) * step; time <= last; time += step) {
    const x = toX(time);
    pen.fillRect(x, box.top, 1, 4);
    const label = clock(time);
    const width = pen.measureText(label).width;
    pen.fillText(label, Math.min(box.width - width, Math.max(0, x - width / 2)), box.top + 16);
  }
}

export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
