// The analysis of recordings, one after the other; each has its card.

import { analyse } from "./backend.js";
import { $, duration, makeCancelled, nameEmotion, percent, text } from "./dom.js";
import { addCard, findDoubt } from "./result.js";

export let cards = [];

export function clearResults() {
  for (const card of cards) {
    card.release?.();
    card.element.remove();
  }
  cards = [];
  $("results").hidden = true;
}

// Analyses blobs with names; `say` sets the status line.
export async function analyseAll(files, say) {
  clearResults();
  $("results").hidden = false;
  $("cards").classList.toggle("several", files.length > 1);
  const jobs = files.map(([blob, name]) => {
    const stopping = new AbortController();
    const card = addCard($("cards"), name, () => stopping.abort());
    stopping.signal.addEventListener("abort", () => card.fail(makeCancelled())); // also while it waits
    cards.push(card);
    return { blob, name, card, stopping };
  });
  say("analysing");
  $("results").scrollIntoView({ block: "nearest" });
  for (const job of jobs) await analyseOne(job);
  finish(jobs, say);
}

async function analyseOne({ blob, name, card, stopping }) {
  if (stopping.signal.aborted) return;
  try {
    const length = await measure(blob);
    stopping.signal.throwIfAborted();
    card.progress("uploading", () => ({ share: percent(0) }), 0);
    const found = await analyse(blob, name, {
      signal: stopping.signal,
      loadingModel: () => card.progress("loadingModel", {}),
      sent: (share) =>
        share < 1
          ? card.progress("uploading", () => ({ share: percent(share) }), share)
          : card.progress("analysing", {}),
      analysed: (seconds) =>
        length
          ? card.progress("analysingOf", () => ({ done: duration(seconds), all: duration(length) }), seconds / length)
          : card.progress("analysingTo", () => ({ done: duration(seconds) })),
    });
    stopping.signal.throwIfAborted();
    card.found = found;
    card.release = card.show(found, blob);
  } catch (error) {
    if (!stopping.signal.aborted) card.fail(error);
  }
}

function finish(jobs, say) {
  const [{ card }] = jobs;
  if (jobs.length > 1) say("analysedAll", { n: jobs.filter((job) => job.card.found).length });
  else if (!card.found) say("");
  else {
    const { file, emotion, probability } = card.found;
    const doubt = findDoubt(card.found);
    const values = () => ({ file, emotion: nameEmotion(emotion), share: percent(probability), doubt: text(doubt) });
    say(doubt ? "saidDoubt" : "said", values);
  }
  if (document.activeElement !== $("key")) card.head.focus({ preventScroll: true });
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
