// The page: what a person does with it.

import { $, chooseLanguage, duration, findLanguage, nameEmotion, percent, text } from "./dom.js";
import { drawBars, drawChart, openStream, showPiece, startLive, stopLive } from "./live.js";
import { closeMicrophone, openMicrophone } from "./recorder.js";
import { addCard } from "./result.js";
import { analyse, ask, explain, server, upload } from "./server.js";

let recording = null; // with its purpose, "speech" or "enrol"
let cards = [];
let running = 0; // analyses
let said = {}; // the texts of the status lines, to repeat them in another language

function say(key, values = {}, where = "status") {
  said[where] = [key, values];
  $(where).textContent = key ? text(key, typeof values === "function" ? values() : values) : "";
  $("error").textContent = "";
}

// Does what a person asked for, and tells what went wrong.
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    for (const where of ["status", "voice-status"]) say("", {}, where);
    $("error").textContent = explain(error);
  }
  update();
}

function update(waiting = false) {
  const enrolling = recording?.purpose === "enrol";
  const busy = waiting || running > 0;
  $("record").textContent = text(recording && !enrolling ? "stop" : "record");
  $("record").classList.toggle("on", Boolean(recording && !enrolling));
  $("enrol").textContent = text(enrolling ? "enrolDone" : "enrol");
  $("record").disabled = busy || enrolling;
  $("enrol").disabled = busy || Boolean(recording && !enrolling);
  for (const id of ["file", "example"]) $(id).disabled = busy || Boolean(recording);
}

function clearResults() {
  for (const card of cards) {
    card.release?.();
    card.element.remove();
  }
  cards = [];
  $("results").hidden = true;
}

// Recording

async function start(purpose) {
  say("waitMicrophone", {}, purpose === "enrol" ? "voice-status" : "status");
  update(true);
  if (purpose === "speech") clearResults();
  const found = await openMicrophone(take, () => recording === found && attempt(stop));
  recording = Object.assign(found, { purpose });
  startLive();
  if (purpose === "enrol") {
    say("enrolRecording", {}, "voice-status");
  } else {
    found.stream = openStream(found);
    say("recording");
  }
}

function take(piece) {
  const found = recording;
  if (!found) return;
  found.stream?.send(piece);
  const seconds = found.samples / found.rate;
  showPiece(piece, seconds);
  const full = 2 * found.samples > server.model.max_size - 2 ** 20;
  if ((full || seconds > server.model.max_duration - 1) && !found.stopping) attempt(stop);
}

async function stop() {
  const found = recording;
  if (!found || found.stopping) return;
  found.stopping = true;
  update(true);
  const blob = await closeMicrophone(found);
  found.stream?.end();
  recording = null;
  stopLive();
  if (found.purpose === "enrol") await enrol(blob);
  else await analyseAll([[blob, "recording.wav"]]);
}

// Results

async function analyseAll(files) {
  clearResults();
  $("live").hidden ||= files[0][1] !== "recording.wav";
  $("results").hidden = false;
  $("cards").classList.toggle("several", files.length > 1);
  const jobs = files.map(([blob, name]) => {
    const stopping = new AbortController();
    const card = addCard($("cards"), name, () => stopping.abort());
    cards.push(card);
    return { blob, name, card, stopping };
  });
  say("analysingAll");
  $("results").scrollIntoView({ block: "nearest" });
  running += 1;
  update();
  try {
    for (const job of jobs) await analyseOne(job);
  } finally {
    running -= 1;
  }
  finish(jobs);
}

async function analyseOne({ blob, name, card, stopping }) {
  try {
    stopping.signal.throwIfAborted();
    const length = await measure(blob);
    card.progress("uploading", () => ({ share: percent(0) }), 0);
    const found = await analyse(blob, name, {
      signal: stopping.signal,
      sent: (share) =>
        share < 1
          ? card.progress("uploading", () => ({ share: percent(share) }), share)
          : card.progress("analysing", {}),
      analysed: (seconds) =>
        length
          ? card.progress("analysingOf", () => ({ done: duration(seconds), all: duration(length) }), seconds / length)
          : card.progress("analysingTo", () => ({ done: duration(seconds) })),
    });
    card.found = found;
    card.release = card.show(found, blob);
  } catch (error) {
    card.fail(stopping.signal.aborted ? Object.assign(new Error(text("cancelled")), { kind: "Cancelled" }) : error);
  }
}

function finish(jobs) {
  const [{ card }] = jobs;
  if (jobs.length > 1) say("analysedAll", { n: jobs.length });
  else if (!card.found) say("");
  else {
    const { file, emotion, probability, uncertain } = card.found;
    const values = () => ({ file, emotion: nameEmotion(emotion), share: percent(probability) });
    say(uncertain ? "saidUncertain" : "said", values);
  }
  if (card.element.dataset.state === "failed") card.head.setAttribute("role", "alert");
  card.head.focus({ preventScroll: true });
  $("results").scrollIntoView({ block: "start" });
}

// The length in seconds where the browser can read the recording, else 0.
function measure(blob) {
  return new Promise((done) => {
    const player = new Audio();
    const source = URL.createObjectURL(blob);
    const end = (seconds) => {
      URL.revokeObjectURL(source);
      done(Number.isFinite(seconds) ? seconds : 0);
    };
    player.preload = "metadata";
    player.onloadedmetadata = () => end(player.duration);
    player.onerror = () => end(0);
    setTimeout(() => end(0), 2000);
    player.src = source;
  });
}

const chooseFiles = (files) => {
  const given = [...files].map((file) => [file, file.name]);
  if (given.length) attempt(() => analyseAll(given));
};

async function tryExample() {
  say("loading");
  update(true);
  const blob = await (await ask("example.ogg")).blob();
  await analyseAll([[blob, "example.ogg"]]);
}

// Enrolment

async function enrol(blob) {
  say("adapting", {}, "voice-status");
  const form = new FormData();
  form.append("file", blob, "voice.wav");
  const options = { sent: () => {}, signal: new AbortController().signal };
  const found = await upload("v1/voices", form, {}, options);
  server.voice = found.voice;
  $("live").hidden = true;
  $("forget").hidden = false;
  say("adapted", {}, "voice-status");
}

async function forget() {
  await ask(`v1/voices/${encodeURIComponent(server.voice)}`, { method: "DELETE" });
  server.voice = null;
  $("forget").hidden = true;
  $("enrol").focus();
  say("forgotten", {}, "voice-status");
}

// Language and colours

function redraw() {
  drawChart();
  for (const card of cards) card.draw();
}

function describeModel() {
  const { labels, licence, version } = server.model;
  $("model").textContent = text("model", { labels: labels.map(nameEmotion).join(", "), licence, version });
}

$("language").addEventListener("change", ({ target }) => {
  chooseLanguage(target.value, true);
  for (const where of Object.keys(said)) if (said[where][0]) say(...said[where], where);
  for (const card of cards) card.render();
  drawBars({});
  describeModel();
  update();
});
$("record").addEventListener("click", () => attempt(() => (recording ? stop() : start("speech"))));
$("enrol").addEventListener("click", () => attempt(() => (recording ? stop() : start("enrol"))));
$("forget").addEventListener("click", () => attempt(forget));
$("example").addEventListener("click", () => attempt(tryExample));
$("file").addEventListener("change", ({ target }) => {
  chooseFiles(target.files);
  target.value = ""; // so that the same file may be chosen again
});
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (!$("file").disabled) chooseFiles(event.dataTransfer.files);
});

chooseLanguage(findLanguage());
$("language").value = document.documentElement.lang;
update(true);
await attempt(async () => {
  server.model = await (await ask("v1/model")).json();
  $("key-row").hidden = !server.model.key_needed;
  $("voice").hidden = !server.model.enrolment;
  describeModel();
});
document.body.dataset.ready = "yes";
