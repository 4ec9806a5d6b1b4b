// The labelling page: asks the server what comes next, plays it, and sends what is said. Texts go in as text, never as
// HTML. curve.js and player.js follow in the same script.
"use strict";
const $ = (id) => document.getElementById(id);
const make = (tag, text = "", kind = "") => Object.assign(document.createElement(tag), { textContent: text, className: kind });
const audio = $("audio");
const RETRY_MS = 2000, LOOK_MS = 4000, STEP_S = 5;
const DROP = "drop"; // what audit.csv calls a track that is left out of training
const UNSENT = "unsent "; // what the memory calls answers that no server has, before their ids
const REST_MS = 250; // nobody has heard anything before; it is the second press of a nervous finger
// What the browser remembers; where it is told to remember nothing, until the page is closed.
const remember = (name) => { try { return window[name] || {}; } catch { return {}; } };
const memory = remember("localStorage"), browser = (remember("sessionStorage").browser ||= crypto.randomUUID());
let rater = memory.rater || "", state = null, track = null, since = 0, busy = false;

// --- the server -----------------------------------------------------------------------------------------------------

class Refused extends Error {}

async function call(name, more = {}) {
  const body = JSON.stringify({ rater, browser, order: $("order").value, ...more });
  const answer = await fetch(`call/${name}`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const found = await answer.json().catch(() => null);
  if (!(answer.ok ? found?.mode : found?.error) && answer.status !== 500) throw new Error("cut short, or of another program");
  if (!answer.ok) throw new Refused(found?.error || `the server said ${answer.status}`);
  return found;
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// What is sent here is kept until the server has it, also when the page is closed meanwhile. The server knows by its id
// what it has already.
async function insist(name, more = {}) {
  if (busy) return;
  busy = true;
  const sent = { rater, ...more, id: crypto.randomUUID() }; // the rater may be another one before it is sent
  const place = UNSENT + sent.id;
  if (name === "answer") memory[place] = JSON.stringify(sent);
  try {
    for (;;) {
      try {
        const found = await call(name, sent);
        delete memory[place];
        complain("");
        show(found);
        return;
      } catch (error) {
        if (error instanceof Refused) {
          delete memory[place];
          complain(error.message);
          return;
        }
        complain("The server does not answer. What you said is kept here and sent when it is back: start the same annotate command again.", true);
        await wait(RETRY_MS);
      }
    }
  } finally {
    busy = false;
  }
}

let away = false; // the server, as far as the banner says
// Answers of a page that was closed before it could send them; those that are refused may be of another labelling.
async function sendUnsent() {
  for (const place of Object.keys(memory).filter((key) => key.startsWith(UNSENT))) {
    const sent = JSON.parse(memory[place]);
    if (sent.rater !== rater) continue;
    try {
      await call("answer", sent);
      delete memory[place];
    } catch { /* it stays where it is */ }
  }
}

function complain(text, isAway = false) {
  away = isAway;
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

async function look() {
  if (busy || document.hidden || !state) return;
  const before = state;
  try {
    const found = await call("state");
    if (!busy && state === before) showState(found); // else it may be older than what is shown
    if (away) complain(""); // what was refused stays until something is taken
  } catch (error) {
    if (!(error instanceof Refused)) complain("The server does not answer. Start the same annotate command again; this page goes on by itself.", true);
  }
}

// --- who listens ----------------------------------------------------------------------------------------------------

async function welcome() {
  ask();
  try {
    const found = await call("state");
    const isReview = found.mode === "review";
    $("task").textContent = isReview ? `${found.n_tracks} tracks, the most doubtful label first` : `${found.n_tracks} tracks: ${found.classes.join(", ")}`;
    if (!isReview) return;
    document.querySelector("#who h1").textContent = "Hear doubtful labels";
    for (const one of document.querySelectorAll("#who label, #who input, #who .hint")) one.hidden = true;
    $("rater").value = rater ||= "somebody";
    $("me").closest("p").hidden = true;
    document.querySelector("#who button").focus();
  } catch { /* the first answer tells */ }
}

function ask() {
  audio.pause();
  $("work").hidden = true;
  $("who").hidden = false;
  $("rater").value = rater;
  $("rater").focus();
}

$("who").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = $("rater").value.trim().replace(/\s+/g, " ");
  if (!name) return;
  memory.rater = rater = name;
  $("who").hidden = true;
  $("work").hidden = false;
  track = null;
  while (busy) await wait(RETRY_MS / 10); // with an answer of somebody else, whose track this is not
  await sendUnsent();
  await insist("next");
});
$("rename").addEventListener("click", ask);

// --- what is shown --------------------------------------------------------------------------------------------------

function show(found) {
  const changed = (found.track && found.track.number) !== (track && track.number) || (found.track && found.track.order === "list");
  track = found.track;
  showState(found);
  $("done").hidden = Boolean(track);
  document.querySelector(".track").hidden = !track;
  if (!track) {
    audio.pause();
    audio.removeAttribute("src");
    return;
  }
  $("title").textContent = track.title;
  $("artist").textContent = track.artist;
  $("why").textContent = track.order === "model" ? "chosen by the model" : track.order === "list" ? "once more" : "";
  $("leave").hidden = track.order !== "list";
  drawFacts(track);
  const mine = track.mine && track.mine.said;
  for (const button of document.querySelectorAll("#classes button")) {
    const share = mine ? mine[button.dataset.name] || 0 : 0;
    button.setAttribute("aria-pressed", String(share > 0.5));
    const word = track.given && { [track.suggestion]: "suggested", [track.given]: "its label" }[button.dataset.name];
    button.querySelector("small").textContent = mine && share > 0 && share < 1 ? percent(share) : word || "";
  }
  if (state.positive !== null) setShare(mine ? Math.round(100 * (mine[state.classes[state.positive]] || 0)) : 50);
  for (const input of document.querySelectorAll("#mixture input")) input.value = mine ? Math.round(100 * (mine[input.dataset.name] || 0)) : 0;
  since = performance.now();
  if (changed) load();
}

function showState(found) {
  const first = !state;
  state = found;
  if (first) build();
  const n = found.n_mine;
  $("place").textContent = found.mode === "review" ? `${n} of ${found.n_tracks} heard` : `${n} of ${count(found.n_tracks, "track")}`;
  $("bar").style.width = `${(100 * n) / Math.max(found.n_tracks, 1)}%`;
  $("end").textContent = `${found.n_mine} of ${found.n_tracks} tracks have your answer. They are in ${found.table}.`;
  const labelled = found.counts.reduce((a, b) => a + b, 0);
  const rest = [found.n_changed && `${found.n_changed} of them changed`, found.n_dropped && `${found.n_dropped} left out of training`, found.n_even && `${found.n_even} undecided, as votes are even`, found.n_unsure && `${found.n_unsure} ${found.mode === "review" ? "left open" : "unsure"}`].filter(Boolean);
  $("sum").textContent = `${labelled} ${found.mode === "review" ? "decided" : "with a label"}${rest.length ? `; ${rest.join("; ")}` : ""}`;
  drawCounts(found, labelled);
  drawRaters(found);
  drawCurve(found.curve);
  $("choice").textContent = describeChoice(found);
  $("me").textContent = rater;
  drawSaid(found);
  $("undo").disabled = !found.said.length;
  $("undo-last").disabled = !found.said.length;
  const notes = found.notes.map((note) => make("p", note, "note"));
  const silent = found.silent.map((one) => make("p", `${one.title} could not be played: ${one.reason}`, "note"));
  $("silent").replaceChildren(...silent, ...notes);
}

function describeChoice(found) {
  if (found.mode === "review") return "The most doubtful label comes first.";
  if (!found.has_model || $("order").value === "random") return "Every track is as likely as any other.";
  if (!found.can_choose) return found.trouble ? `At random for now: ${found.trouble}` : "At random until the first tracks are analysed.";
  const part = found.n_embedded < found.n_tracks ? ` out of the ${found.n_embedded} analysed so far` : "";
  return `Where it has most to learn${part}. It learns again after every few answers.${found.trouble && ` No more are analysed: ${found.trouble}`}`;
}

function build() {
  const two = state.positive !== null;
  $("order").closest("p").hidden = !state.has_model;
  document.title = `Label music: ${state.classes.join(", ")}`;
  $("classes").replaceChildren(...state.classes.map((name, number) => {
    const button = make("button");
    button.type = "button";
    button.dataset.name = name;
    button.setAttribute("aria-pressed", "false");
    if (number < 9) button.append(make("kbd", String(number + 1)));
    button.append(make("span", name), make("small"));
    button.addEventListener("click", () => say({ [name]: 1 }, "click"));
    return button;
  }));
  $("one").hidden = !two || state.mode === "review";
  $("several").hidden = two || state.mode === "review";
  for (const one of document.querySelectorAll(".only-two")) one.hidden = !two;
  if (two) $("how").textContent = `How ${state.classes[state.positive]}?`;
  else {
    const rows = state.classes.map((name, number) => {
      const row = make("p", "", "row"), label = make("label", name), input = make("input");
      Object.assign(input, { type: "range", min: 0, max: 100, value: 0, id: `part-${number}` });
      input.dataset.name = name;
      label.htmlFor = input.id;
      row.append(label, input);
      return row;
    });
    const send = make("button", "Say this mixture", "quiet");
    $("mixture").replaceChildren(...rows, send);
  }
  if (state.mode === "review") {
    $("drop").hidden = false;
    for (const one of document.querySelectorAll(".only-review")) one.hidden = false;
    $("said-title").textContent = "What you decided";
  }
}

const count = (n, name) => `${n} ${name}${n === 1 ? "" : "s"}`;
const percent = (share) => `${Math.round(100 * share)} %`;

function describe(said) {
  if (said === null) return state.mode === "review" ? "left open" : "unsure";
  const parts = Object.entries(said).sort((a, b) => b[1] - a[1]);
  if (parts[0][0] === DROP && !state.classes.includes(DROP)) return "left out";
  return parts[0][1] > 0.999 ? parts[0][0] : parts.slice(0, 2).map(([name, share]) => `${percent(share)} ${name}`).join(", ");
}

function drawCounts(found, labelled) {
  $("counts").replaceChildren(...found.classes.map((name, number) => {
    const row = make("tr"), head = make("th", name), cell = make("td"), meter = make("span", "", "meter"), part = make("i");
    head.scope = "row";
    part.style.setProperty("--s", found.counts[number] / Math.max(labelled, 1));
    meter.append(part);
    cell.append(meter);
    row.append(head, cell, make("td", String(found.counts[number])));
    return row;
  }));
}

function drawRaters(found) {
  const names = found.raters.map((one) => `${one.name} ${one.n}`).join(", ");
  const agreed = found.agreement === null ? "" : ` Their agreement on ${count(found.agreement.n_tracks, "track")} that several heard is ${found.agreement.alpha.toFixed(2)} (Krippendorff's alpha: 1 is full agreement, 0 is chance).`;
  $("raters").textContent = found.raters.length > 1 ? `${names}.${agreed}` : "";
}

let drawn = "";
function drawSaid(found) {
  const all = JSON.stringify([found.said, track && track.number]);
  if (all === drawn) return; // what is written anew loses the focus, and is read out again
  drawn = all;
  const rows = found.said.map((one) => {
    const item = make("li"), button = make("button"), name = make("span", one.title, "name");
    button.type = "button";
    if (one.artist) name.append(make("small", one.artist));
    button.append(name, make("span", describe(one.said), "answer"));
    button.disabled = one.number === null;
    button.dataset.number = one.number;
    if (track && one.number === track.number) button.setAttribute("aria-current", "true");
    button.addEventListener("click", async () => {
      await insist("take", { track: one.number });
      const card = document.querySelector(".track");
      if (card.getBoundingClientRect().top < 0) card.scrollIntoView(); // on a phone it is far above the list
    });
    item.append(button);
    return item;
  });
  const list = $("said"), focused = list.contains(document.activeElement) && document.activeElement.dataset.number, top = list.scrollTop;
  list.replaceChildren(...(rows.length ? rows : [make("li", "Nothing yet. Click an answer here later to change it.", "note")]));
  list.scrollTop = top;
  if (focused) list.querySelector(`[data-number="${focused}"]`)?.focus({ preventScroll: true });
}

function drawFacts(shown) {
  if (!shown.given) return $("facts").replaceChildren();
  const line = make("p", `Labelled ${shown.given}; what sounds like it says ${shown.suggestion || shown.given}.`);
  const rows = Object.entries(shown.opinions || {}).map(([name, share]) => {
    const row = make("div", "", "opinion"), meter = make("span", "", "meter"), part = make("i");
    part.style.setProperty("--s", share);
    meter.append(part);
    row.append(make("span", name), meter, make("span", `${percent(share)} for ${shown.given}`));
    return row;
  });
  const near = (shown.nearest || []).length ? [make("p", `Nearest: ${shown.nearest.join(", ")}`, "note")] : [];
  $("facts").replaceChildren(line, ...rows, ...near);
}

// --- answers --------------------------------------------------------------------------------------------------------

let heard = ""; // what was said last, for who does not see the page
function say(said, by) {
  if (!track || busy || performance.now() - since < REST_MS) return;
  heard = `${track.title}: ${describe(said)}. `;
  insist("answer", { track: track.number, key: track.key, said, by, took_s: (performance.now() - since) / 1000 });
}

function setShare(value) {
  const name = state.classes[state.positive];
  $("share").value = value;
  $("share").setAttribute("aria-valuetext", `${value} % ${name}`);
  $("percent").textContent = `${value} %`;
  $("send").textContent = `Say ${value} % ${name}`;
}

$("share").addEventListener("input", () => setShare($("share").value));
$("one").addEventListener("submit", (event) => {
  event.preventDefault();
  const share = $("share").value / 100, other = state.classes[1 - state.positive];
  $("share").blur();
  say({ [state.classes[state.positive]]: share, [other]: 1 - share }, "slider");
});
$("mixture").addEventListener("submit", (event) => {
  event.preventDefault();
  const parts = [...document.querySelectorAll("#mixture input")].map((input) => [input.dataset.name, Number(input.value)]);
  if (parts.some(([, value]) => value > 0)) say(Object.fromEntries(parts), "slider");
});
$("unsure").addEventListener("click", () => say(null, "click"));
$("undo").addEventListener("click", () => insist("undo"));
$("undo-last").addEventListener("click", () => insist("undo"));
$("leave").addEventListener("click", () => insist("next", { leave: true }));
$("drop").addEventListener("click", () => say({ [DROP]: 1 }, "click"));
$("order").addEventListener("change", () => { memory.order = $("order").value; $("order").blur(); $("choice").textContent = describeChoice(state); });
$("begin").addEventListener("change", () => { memory.begin = $("begin").value; $("begin").blur(); });

// A button that was clicked would keep the focus, so that the space bar, which plays, would press it once more.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && event.detail) button.blur();
});

// The key by what it writes; by its place where digits need the shift key (French), or letters are not Latin.
function readKey(event) {
  const digit = /^Digit([1-9])$/.exec(event.code), letter = /^Key([A-Z])$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  return (letter && event.key > "~" ? letter[1] : event.key).toLowerCase();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("work").hidden || event.repeat && !event.key.startsWith("Arrow")) return;
  const at = document.activeElement, key = readKey(event);
  const isTyping = at.matches("input:not([type=range]), select, textarea"), isSliding = at.matches("input[type=range]");
  if (isTyping) return;
  const presses = at.matches("button, summary") && (key === " " || key === "enter");
  const number = Number(key);
  if (state && number >= 1 && number <= Math.min(9, state.classes.length)) say({ [state.classes[number - 1]]: 1 }, "key");
  else if (key === "u") say(null, "key");
  else if (key === "z") insist("undo");
  else if (key === "d" && state && state.mode === "review") say({ [DROP]: 1 }, "key");
  else if (key === "s" && !$("one").hidden) $("share").focus();
  else if (key === "escape") { if (isSliding) at.blur(); else if (!$("leave").hidden) insist("next", { leave: true }); }
  else if (key === " " && !presses) toggle();
  else if (key === "arrowleft" && !isSliding) seek(audio.currentTime - STEP_S);
  else if (key === "arrowright" && !isSliding) seek(audio.currentTime + STEP_S);
  else return;
  event.preventDefault();
});

// --- start ----------------------------------------------------------------------------------------------------------

$("order").value = memory.order || "model";
$("begin").value = memory.begin || "0";
setInterval(look, LOOK_MS);
welcome();
