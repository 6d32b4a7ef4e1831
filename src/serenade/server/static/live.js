// Emotions while a person speaks: level, moving chart and bars. They stay after Stop.

import { backend, openStream as openBackendStream } from "./backend.js";
import { colour, drawArea, drawAxis, prepare, style } from "./charts.js";
import { $, decimal, make, nameEmotion, percent } from "./dom.js";

const SPAN = 30; // seconds that the chart shows during the recording
const HEIGHT = 120;

let points = []; // probabilities, each with its time
let seconds = 0;
let running = false;

export function startLive() {
  points = [];
  seconds = 0;
  running = true;
  $("heard").textContent = "";
  $("live").hidden = $("level").parentElement.hidden = false;
  drawBars();
  drawChart();
}

// Shows the level and the time of a piece of the microphone's samples.
export function showPiece(piece, total) {
  let sum = 0;
  for (const value of piece) sum += value * value;
  const level = 10 * Math.log10(sum / piece.length / 2 ** 30 + 1e-9);
  $("level").value = Math.max(0, 1 + level / 60); // -60 dB to full scale
  seconds = total;
  $("clock").textContent = `${decimal(total)} s`;
  drawChart();
}

export function stopLive() {
  running = false;
  $("level").parentElement.hidden = true;
  drawChart();
}

// Opens the stream. Without it a recording still works: only the live display is lost, and `fault`
// gets the reason, without the full stop.
export function openStream(recording, fault) {
  return openBackendStream(recording, showUpdate, (message) => fault(message.replace(/[.。]$/, "")));
}

function showUpdate({ start, end, probabilities, segments }) {
  const last = points.at(-1);
  if (!last || start > last.time + 1) points.push({ time: start, probabilities, first: true });
  points.push({ time: end, probabilities });
  drawBars();
  drawChart();
  for (const { emotion, probability } of segments) {
    $("heard").textContent = `${nameEmotion(emotion)} ${percent(probability)}`;
  }
}

export function drawChart() {
  const canvas = $("chart");
  if ($("live").hidden) return;
  const width = canvas.clientWidth;
  const pen = prepare(canvas, width, HEIGHT);
  const last = Math.max(seconds, running ? SPAN : 1);
  const first = running ? Math.max(0, last - SPAN) : 0;
  const toX = (time) => ((time - first) / (last - first)) * width;
  const box = { top: 0, height: HEIGHT - 20, width };
  pen.fillStyle = style("--well");
  pen.fillRect(0, 0, width, box.height);
  let run = [];
  for (const point of points) {
    if (point.first) {
      drawArea(pen, run, toX, box);
      run = [];
    }
    run.push(point);
  }
  drawArea(pen, run, toX, box);
  drawAxis(pen, first, last, toX, { ...box, top: box.height }, style("--soft"));
}

// Draws the latest probabilities as bars.
export function drawBars() {
  const { labels } = backend.model;
  const shares = points.at(-1)?.probabilities ?? {};
  const best = labels.reduce((a, b) => ((shares[b] ?? 0) > (shares[a] ?? 0) ? b : a), labels[0]);
  $("bars").replaceChildren(
    ...labels.map((label) => makeBar(label, shares[label] ?? 0, (shares[label] ?? 0) > 0 && label === best)),
  );
}

// A bar with the emotion's name and its share, which it states as text.
export function makeBar(label, share, best = false) {
  const fill = make("span", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  fill.style.background = colour(label);
  return make(
    "div",
    { class: best ? "bar best" : "bar", "data-emotion": label },
    make("span", {}, nameEmotion(label)),
    make("span", { class: "track", "aria-hidden": "true" }, fill),
    make("span", { class: "share" }, percent(share)),
  );
}
