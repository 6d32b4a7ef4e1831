// A card for each recording: progress with a cancel button, then the result or what went wrong.

import { convert } from "./backend.js";
import { colour } from "./charts.js";
import { $, clock, duration, explain, make, nameEmotion, percent, text } from "./dom.js";
import { makeBar } from "./live.js";
import { describe, makeTimeline } from "./timeline.js";

const SUFFIXES = {
  json: "json", csv: "csv", webvtt: "vtt", srt: "srt", textgrid: "TextGrid", audacity: "txt", rttm: "rttm", elan: "eaf",
};
const NAMES = {
  json: "JSON", csv: "CSV", webvtt: "WebVTT", srt: "SRT", textgrid: "TextGrid", audacity: "Audacity", rttm: "RTTM", elan: "ELAN",
};

// Adds a card. Its functions show progress, a result or a fault; `render` follows the language.
export function addCard(place, name, cancel) {
  const head = make("h3", { tabindex: "-1" }, name);
  const body = make("div", { class: "body" });
  const element = make("article", { class: "card", "data-state": "waiting" }, head, body);
  const bar = make("progress", { max: "1" });
  const doing = make("span", { class: "doing" });
  const stop = make("button", { type: "button", class: "cancel", onclick: cancel });
  let render = () => showProgress("waiting", {}, null);
  let view = null;
  body.append(make("p", { class: "row" }, bar, doing, stop));
  place.append(element);
  render();

  function showProgress(key, values, share) {
    element.dataset.state = key;
    if (share == null) bar.removeAttribute("value");
    else bar.value = share;
    doing.textContent = text(key, values);
    bar.setAttribute("aria-label", doing.textContent);
    stop.textContent = text("cancel");
  }

  return {
    element,
    head,
    render: () => render(),
    draw: () => view?.draw(),
    progress: (key, values, share = null) => {
      if (!bar.isConnected) return; // it is over
      render = () => showProgress(key, typeof values === "function" ? values() : values, share);
      render();
    },
    fail: (error) => {
      render = () => {
        element.dataset.state = error.kind === "NoSpeechError" ? "nospeech" : "failed";
        const heading = error.kind === "NoSpeechError" ? [make("p", { class: "answer" }, text("noSpeech"))] : [];
        body.replaceChildren(...heading, make("p", { class: "fault", role: "alert" }, explain(error, name)));
      };
      render();
    },
    show: (found, blob) => {
      const source = URL.createObjectURL(blob);
      render = () => {
        view = showResult(element, body, found, source);
        view.draw();
      };
      render();
      return () => URL.revokeObjectURL(source);
    },
  };
}

function showResult(element, body, found, source) {
  element.dataset.state = "done";
  element.dataset.emotion = found.emotion;
  const player = make("audio", { controls: true, preload: "metadata", "aria-label": text("player", { file: found.file }), src: source });
  const fault = make("p", { class: "fault", role: "alert" });
  let until = Infinity; // where playing stops

  async function play(start, end) {
    player.currentTime = start;
    until = end;
    fault.textContent = "";
    await player.play().catch((error) => {
      if (error.name !== "AbortError") fault.textContent = text("cannotPlay");
    });
  }

  const view = makeTimeline(found, play);
  let frame = 0;
  function follow() {
    cancelAnimationFrame(frame);
    if (player.currentTime >= until) player.pause();
    view.follow(player.currentTime);
    if (!player.paused) frame = requestAnimationFrame(follow);
  }
  player.addEventListener("pause", () => {
    if (player.paused) until = Infinity; // unless another segment was chosen at once
  });
  player.addEventListener("play", follow);
  player.addEventListener("seeked", follow);
  body.replaceChildren(
    makeAnswer(found),
    make("div", { class: "listen" }, view.element, player, fault),
    makeSummary(found),
    makeMoments(found, play),
    makeMenu(found, fault),
    makeTable(found),
  );
  return view;
}

const speech = ({ segments }) => segments.reduce((sum, { start, end }) => sum + end - start, 0);

// "uncertain", "mixed" where that comes from clear but different segments, or "" for a clear answer.
export function findDoubt({ uncertain, segments }) {
  const clear = segments.filter(({ probability }) => probability >= 0.5).map(({ emotion }) => emotion);
  return uncertain ? (new Set(clear).size > 1 ? "mixed" : "uncertain") : "";
}

// The likeliest emotions, or "uncertain", and what the answer is based on.
function makeAnswer(found) {
  const ranks = Object.entries(found.probabilities).sort(([, a], [, b]) => b - a).slice(0, 3);
  const doubt = findDoubt(found);
  const basis = [text("basis", { speech: duration(speech(found)), all: duration(found.duration) })];
  if (found.adapted_to) basis.push(text("adaptedTo", { n: found.adapted_to }));
  else if (found.enrolment) basis.push(text("adaptedVoice"));
  return make(
    "div",
    { class: "top" },
    make("p", { class: "answer" }, doubt ? text(doubt) : nameEmotion(found.emotion)),
    ...(doubt ? [make("p", {}, text(`${doubt}Hint`))] : []),
    make("div", { class: "bars" }, ...ranks.map(([label, share], i) => makeBar(label, share, i === 0))),
    make("p", { class: "hint" }, basis.join("; ")),
  );
}

// Shares of time, which are the legend as well, and the change over time.
function makeSummary(found) {
  const all = speech(found) || 1;
  const share = (label, parts = found.segments) => speech({ segments: parts.filter(({ emotion }) => emotion === label) });
  const labels = Object.keys(found.probabilities);
  const legend = labels.map((label) => {
    const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colour(label);
    return make("li", {}, swatch, `${nameEmotion(label)} ${percent(share(label) / all)}`);
  });
  const main = (parts) => labels.reduce((a, b) => (share(b, parts) > share(a, parts) ? b : a));
  const [first, last] = [0, 1].map((half) =>
    found.segments.filter(({ start, end }) => ((start + end) / 2 < found.duration / 2) === (half === 0)));
  const change = first.length && last.length && found.segments.length > 2
    ? [make("p", { class: "change" }, main(first) === main(last)
      ? text("throughout", { emotion: nameEmotion(main(first)) })
      : text("change", { first: nameEmotion(main(first)), last: nameEmotion(main(last)) }))]
    : [];
  return make(
    "div",
    { class: "summary" },
    make("h4", {}, text("shares")),
    make("ul", { class: "legend" }, ...legend),
    ...change,
  );
}

// Buttons that play the strongest segment of each emotion.
function makeMoments({ segments }, play) {
  const best = new Map();
  for (const part of segments) {
    if (part.emotion !== "neutral" && part.probability > (best.get(part.emotion)?.probability ?? 0)) {
      best.set(part.emotion, part);
    }
  }
  const moments = [...best.values()].sort((a, b) => b.probability - a.probability).slice(0, 3).map((part) =>
    make("button", { type: "button", title: describe(part), onclick: () => play(part.start, part.end) },
      `${clock(part.start)} ${nameEmotion(part.emotion)} ${percent(part.probability)}`));
  const shown = moments.length ? [make("h4", {}, text("moments")), make("p", { class: "row" }, ...moments)] : [];
  return make("div", { class: "moments" }, ...shown);
}

function makeMenu(found, fault) {
  const buttons = Object.entries(NAMES).map(([format, name]) =>
    make("button", { type: "button", "data-format": format, onclick: () => save(found, format).catch((error) => {
      fault.textContent = explain(error, found.file);
    }) }, name));
  return make("details", { class: "menu" }, make("summary", {}, text("save")), make("p", { class: "row" }, ...buttons));
}

async function save(found, format) {
  const { envelope, ...timeline } = found;
  const blob = format === "json"
    ? new Blob([JSON.stringify(timeline, null, 2)], { type: "application/json" })
    : await convert(timeline, format);
  const link = make("a", { download: `${found.file.replace(/\.[^.]*$/, "")}.${SUFFIXES[format]}` });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  $("status").textContent = text("saved", { name: link.download });
}

function makeTable(found) {
  const labels = Object.keys(found.probabilities);
  const row = (cells, kind) => make("tr", {}, ...cells.map((cell) => make(kind, kind === "th" ? { scope: "col" } : {}, cell)));
  const rows = found.segments.map(({ start, end, emotion, probabilities }) =>
    row([start.toFixed(2), end.toFixed(2), nameEmotion(emotion), ...labels.map((label) => percent(probabilities[label]))], "td"));
  const head = row([text("start"), text("end"), text("emotion"), ...labels.map(nameEmotion)], "th");
  const table = make("table", {}, make("caption", { class: "visually-hidden" }, text("segments")), head, ...rows);
  const region = { class: "scroll", tabindex: "0", role: "region", "aria-label": text("table") };
  return make("details", { class: "as-table" }, make("summary", {}, text("table")), make("div", region, table));
}
