// A recording over time: waveform, probabilities and segments, with zoom, keyboard and sound.

import { average, colour, drawAxis, drawStack, drawWave, inkOn, prepare, style } from "./charts.js";
import { clock, decimal, make, nameEmotion, percent, text } from "./dom.js";

const WAVE = 64;
const STACK = 88;
const AXIS = 20;
const NARROW = 6; // pixels; where segments are narrower on average, means are drawn
const CLOSEST = 8; // seconds that fill the width at the closest zoom

// The segments of each speaker; one lane where the result names no speakers.
export function toLanes(segments) {
  const lanes = new Map();
  for (const segment of segments) {
    const name = String(segment.speaker ?? segment.channel ?? "").replace(/^speaker /, "");
    lanes.set(name, [...(lanes.get(name) ?? []), segment]);
  }
  return lanes;
}

export function describe({ start, end, emotion, probability }) {
  const times = { start: decimal(start), end: decimal(end) };
  return text("listen", { emotion: nameEmotion(emotion), share: percent(probability), ...times });
}

function describeShares(probabilities) {
  const shares = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  return shares.slice(0, 3).map(([label, share]) => `${nameEmotion(label)} ${percent(share)}`).join(", ");
}

// Builds the view of a result; `play` is called with a start and an end in seconds.
export function makeTimeline(found, play) {
  const total = found.duration;
  let zoom = 1;
  const canvas = make("canvas", { class: "wave", "aria-hidden": "true" });
  const cursor = make("div", { class: "cursor", "aria-hidden": "true" });
  const detail = make("p", { class: "detail" }, text("timelineHelp"));
  const lanes = [...toLanes(found.segments)].map(([name, segments]) => makeLane(name, segments));
  const inner = make("div", { class: "inner" }, canvas, ...lanes.map((lane) => lane.element), cursor);
  const scroller = make("div", { class: "scroller", tabindex: "-1" }, inner);
  const tools = make(
    "div",
    { class: "row tools", role: "group", "aria-label": text("zoom") },
    makeTool("−", "zoomOut", () => setZoom(zoom / 2)),
    makeTool("+", "zoomIn", () => setZoom(zoom * 2)),
    makeTool("↔", "zoomAll", () => setZoom(1)),
  );
  const below = make("div", { class: "below" }, detail, tools);
  const element = make("div", { class: "timeline" }, scroller, below);
  const most = Math.max(1, total / CLOSEST);
  const timeAt = (event) => ((event.clientX - inner.getBoundingClientRect().left) / inner.clientWidth) * total;

  function makeTool(sign, key, action) {
    return make("button", { type: "button", class: "tool", "aria-label": text(key), title: text(key), onclick: action }, sign);
  }

  function makeLane(name, segments) {
    const strip = make("div", {
      class: "strip",
      role: "group",
      "aria-label": name === "" ? text("segments") : text("speaker", { name }),
    });
    const parts = segments.map((segment, number) => makePart(segment, number, strip));
    strip.append(...parts);
    const label = name === "" ? [] : [make("p", { class: "speaker" }, text("speaker", { name }))];
    return { element: make("div", {}, ...label, strip), segments, parts };
  }

  function makePart(segment, number, strip) {
    const part = make("button", {
      type: "button",
      tabindex: number === 0 ? "0" : "-1", // one stop of the Tab key; arrows move within
      "aria-label": describe(segment),
      onclick: () => play(segment.start, segment.end),
      onfocus: () => show(segment),
      onpointerenter: () => show(segment),
      onkeydown: (event) => move(event, number, strip, segment.start),
    });
    part.style.left = `${(100 * segment.start) / total}%`;
    part.style.width = `${(100 * (segment.end - segment.start)) / total}%`;
    part.style.background = colour(segment.emotion);
    part.style.color = inkOn(segment.emotion);
    return part;
  }

  function move(event, number, strip, time) {
    const parts = [...strip.children];
    const steps = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: parts.length - 1 };
    const next = parts[steps[event.key]];
    if (next) {
      parts[number].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "+" || event.key === "-") {
      setZoom(event.key === "+" ? zoom * 2 : zoom / 2, time);
    } else {
      return;
    }
    event.preventDefault();
  }

  function show({ start, end, probabilities }) {
    detail.textContent = `${clock(start)}–${clock(end)}: ${describeShares(probabilities)}`;
  }

  function setZoom(wanted, around = ((scroller.scrollLeft + scroller.clientWidth / 2) / inner.clientWidth) * total) {
    zoom = Math.min(most, Math.max(1, wanted));
    inner.style.width = `${100 * zoom}%`;
    scroller.scrollLeft = (around / total) * inner.clientWidth - scroller.clientWidth / 2;
    draw();
  }

  // Draws the part that is in view: a canvas of an hour would be too wide for a browser.
  function draw() {
    const width = scroller.clientWidth;
    if (!width) return;
    canvas.style.width = `${width}px`;
    const pen = prepare(canvas, width, WAVE + STACK + AXIS + 8);
    const left = scroller.scrollLeft;
    const toX = (time) => (time / total) * inner.clientWidth - left;
    const box = { top: 0, height: WAVE, width };
    if (found.envelope) drawWave(pen, found.envelope, total, toX, box, style("--wave"));
    const area = { top: WAVE + 4, height: STACK, width };
    pen.fillStyle = style("--well");
    pen.fillRect(0, area.top, width, STACK);
    const seconds = (x) => ((left + x) / inner.clientWidth) * total;
    const narrow = (found.segments.length * NARROW) / inner.clientWidth > 0.7;
    const count = Math.ceil(width / (2 * NARROW));
    drawStack(pen, narrow ? average(found.segments, seconds(0), seconds(width), count) : found.segments, toX, area);
    drawAxis(pen, seconds(0), seconds(width), toX, { top: WAVE + STACK + 6, width }, style("--soft"));
    for (const { segments, parts } of lanes) if (parts.length) writeLabels(pen, segments, parts);
    tools.hidden = most <= 2;
  }

  // Writes a label where it fits completely; colour and details tell the others.
  function writeLabels(pen, segments, parts) {
    pen.font = getComputedStyle(parts[0]).font;
    segments.forEach(({ start, end, emotion }, i) => {
      const name = nameEmotion(emotion);
      const room = ((end - start) / total) * inner.clientWidth - 4;
      parts[i].textContent = pen.measureText(name).width < room ? name : "";
    });
  }

  canvas.addEventListener("click", (event) => play(timeAt(event), Infinity));
  canvas.addEventListener("pointermove", (event) => {
    const time = timeAt(event);
    const segment = found.segments.find(({ start, end }) => start <= time && time < end);
    if (segment) show(segment);
    else detail.textContent = `${clock(time)}: ${text("pause")}`;
  });
  scroller.addEventListener("scroll", () => requestAnimationFrame(draw));
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    setZoom(event.deltaY < 0 ? zoom * 1.5 : zoom / 1.5, timeAt(event));
  });
  new ResizeObserver(draw).observe(scroller);

  return {
    element,
    draw,
    follow: (time) => {
      cursor.style.left = `${(100 * time) / total}%`;
    },
  };
}
