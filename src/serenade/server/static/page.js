// The page: what a person does with it.

import { analyseAll, cards, clearResults } from "./analysis.js";
import { $, chooseLanguage, findLanguage, nameEmotion, text } from "./dom.js";
import { drawBars, drawChart, openStream, showPiece, startLive, stopLive } from "./live.js";
import { closeMicrophone, openMicrophone } from "./recorder.js";
import { ask, explain, server, upload } from "./server.js";

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
  const blob = await (await ask("example.ogg")).blob();
  await analyseFiles([[blob, "example.ogg"]]);
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
  for (const [where, [key, values]] of Object.entries(said)) say(key, values, where);
  for (const card of cards) card.render();
  drawBars();
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
  $("adapting").hidden = !server.model.adaptation;
  describeModel();
});
document.body.dataset.ready = "yes";
