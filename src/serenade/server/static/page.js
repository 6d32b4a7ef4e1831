// The page: what a person does with it.

import { analyseAll, cards, clearResults } from "./analysis.js";
import { backend, enrol, forget, loadExample, loadModel } from "./backend.js";
import { $, chooseLanguage, explain, findLanguage, nameEmotion, text } from "./dom.js";
import { drawBars, drawChart, openStream, showPiece, startLive, stopLive } from "./live.js";
import { closeMicrophone, openMicrophone } from "./recorder.js";

let recording = null; // with its purpose, "speech" or "enrol"
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
  const full = 2 * found.samples > backend.model.max_size - 2 ** 20;
  if ((full || seconds > backend.model.max_duration - 1) && !found.stopping) attempt(stop);
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
  if (found.purpose === "enrol") await adaptToVoice(blob);
  else await analyseFiles([[blob, "recording.wav"]]);
}

// Results

async function analyseFiles(files) {
  running += 1;
  update();
  try {
    await analyseAll(files, say);
  } finally {
    running -= 1;
  }
}

const chooseFiles = (files) => {
  const given = [...files].map((file) => [file, file.name]);
  $("live").hidden = true;
  if (given.length) attempt(() => analyseFiles(given));
};

async function tryExample() {
  say("loading");
  $("live").hidden = true;
  update(true);
  await analyseFiles([[await loadExample(), "example.ogg"]]);
}

// Enrolment

async function adaptToVoice(blob) {
  say("adapting", {}, "voice-status");
  await enrol(blob);
  $("live").hidden = true;
  $("forget").hidden = false;
  say("adapted", {}, "voice-status");
}

async function forgetVoice() {
  await forget();
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
  const { labels, licence, version } = backend.model;
  $("model").textContent = text("model", { labels: labels.map(nameEmotion).join(", "), licence, version });
}

$("language").addEventListener("change", ({ target }) => {
  chooseLanguage(target.value, true);
  for (const [where, [key, values]] of Object.entries(said)) say(key, values, where);
  for (const card of cards) card.render();
  drawBars();
  describeModel();
  update();
});
$("record").addEventListener("click", () => attempt(() => (recording ? stop() : start("speech"))));
$("enrol").addEventListener("click", () => attempt(() => (recording ? stop() : start("enrol"))));
$("forget").addEventListener("click", () => attempt(forgetVoice));
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
  await loadModel();
  for (const element of document.querySelectorAll("[data-needs]")) {
    element.hidden = !element.dataset.needs.split(" ").some((need) => backend.model[need]);
  }
  describeModel();
});
document.body.dataset.ready = "yes";
