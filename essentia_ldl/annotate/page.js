// The labelling page: asks the server what comes next, plays it, and sends what is said. Texts go in as text, never as HTML.
"use strict";
const $ = (id) => document.getElementById(id);
const make = (tag, text = "", kind = "") => Object.assign(document.createElement(tag), { textContent: text, className: kind });
const audio = $("audio");
const RETRY_MS = 2000, LOOK_MS = 4000, STEP_S = 5, MOST_S = 900, RATE_HZ = 8000, N_PEAKS = 600;
const MOST_ARTISTS = 50; // that are left out one by one, see judge.py
const DROP = "drop"; // what audit.csv calls a track that is left out of training
const UNSENT = "unsent "; // what the memory calls answers that no server has, before their ids
const REST_MS = 250; // nobody has heard anything before; it is the second press of a nervous finger
// What the browser remembers; where it is told to remember nothing, until the page is closed.
const remember = (name) => { try { return window[name] || {}; } catch { return {}; } };
const memory = remember("localStorage"), browser = (remember("sessionStorage").browser ||= crypto.randomUUID());
let rater = memory.rater || "", state = null, track = null, since = 0, peaks = null, tried = false, busy = false, version = 0;

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
  try {
    const found = await call("state");
    if (!busy) showState(found);
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
  $("place").textContent = found.mode === "review" ? `${n} of ${found.n_tracks} heard` : `${n} of ${found.n_tracks} tracks`;
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
  if ($("order").value === "random") return "Every track is as likely as any other.";
  if (!found.can_choose) return found.trouble ? `At random for now: ${found.trouble}` : "At random until the first tracks are analysed.";
  const part = found.n_embedded < found.n_tracks ? ` out of the ${found.n_embedded} analysed so far` : "";
  return `Where it has most to learn${part}. It learns again after every few answers.${found.trouble && ` No more are analysed: ${found.trouble}`}`;
}

function build() {
  const two = state.positive !== null;
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
    $("order").closest("p").hidden = true;
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
  const agreed = found.agreement === null ? "" : ` On ${count(found.agreement.n_tracks, "track")} that several heard they agree by ${found.agreement.alpha.toFixed(2)} (Krippendorff's alpha: 1 is always, 0 as by chance).`;
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

// --- the curve ------------------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes, text = "") {
  const one = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  one.textContent = text;
  return one;
}

function drawCurve(points) {
  if (!points.length) {
    const text = state.mode === "review" ? "" : "How well a model learns from the answers shows here when every class has been heard of several artists.";
    return $("curve").replaceChildren(make("p", text, "note"));
  }
  const width = 340, height = 170, left = 34, right = 8, top = 8, bottom = 26;
  const most = Math.max(points.at(-1)[0], 20), least = Math.min(0.5, ...points.map((point) => point[3]));
  const floor = Math.floor(least * 10) / 10;
  const x = (n) => left + ((width - left - right) * n) / most, y = (v) => top + (height - top - bottom) * (1 - (v - floor) / (1 - floor));
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "picture", role: "img" });
  const [n, nArtists, value, low, high] = points.at(-1);
  const told = `Balanced accuracy ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) with ${n} answers`;
  picture.setAttribute("aria-label", told);
  for (let tick = Math.ceil(floor * 5) / 5; tick <= 1.001; tick += 0.2) {
    picture.append(draw("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), class: "grid" }));
    picture.append(draw("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(1)));
  }
  const step = Math.max(10, Math.ceil(most / 40) * 10);
  for (let tick = 0; tick <= most; tick += step) picture.append(draw("text", { x: x(tick), y: height - 10, "text-anchor": "middle" }, tick));
  const band = [...points.map((p) => `${x(p[0])},${y(p[4])}`), ...points.toReversed().map((p) => `${x(p[0])},${y(p[3])}`)];
  if (points.length > 1) {
    picture.append(draw("polygon", { points: band.join(" "), class: "band" }));
    picture.append(draw("polyline", { points: points.map((p) => `${x(p[0])},${y(p[2])}`).join(" "), class: "curve c1" }));
  } else picture.append(draw("line", { x1: x(n), x2: x(n), y1: y(low), y2: y(high), class: "curve c1 thin" }));
  picture.append(draw("circle", { cx: x(n), cy: y(value), r: 3.5, class: "dot" }));
  const parts = nArtists > MOST_ARTISTS ? "in ten parts" : "one after the other";
  const cautious = state.n_chosen ? " It is a cautious figure: the doubtful tracks are asked first, and on others the model is right more often." : "";
  const words = make("p", `${told}, of artists that the model had not heard (${nArtists} of them, left out ${parts}).${cautious}`, "note");
  $("curve").replaceChildren(picture, words);
}

// --- answers --------------------------------------------------------------------------------------------------------

function say(said, by) {
  if (!track || busy || performance.now() - since < REST_MS) return;
  $("live").textContent = `${track.title}: ${describe(said)}`;
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

// --- the player -----------------------------------------------------------------------------------------------------

function load() {
  tried = false;
  peaks = null;
  version += 1;
  begin(`sound/${track.number}`);
}

function begin(url) {
  audio.src = url;
  audio.play().catch(() => {}); // a browser that was not clicked yet does not play by itself
  drawWave();
  readPeaks(url, version);
}

audio.addEventListener("error", async () => {
  if (!track || !audio.getAttribute("src")) return;
  const url = `sound/${track.number}?as=mp3`, now = version;
  if (!tried) {
    tried = true;
    begin(url);
    return;
  }
  const answer = await fetch(url).catch(() => null);
  if (!answer || now !== version) return; // the server is away, which the next call tells
  const reason = answer.ok ? "the browser cannot play it" : await answer.text();
  insist("pass", { track: track.number, reason });
});

audio.addEventListener("loadedmetadata", () => {
  const share = Number($("begin").value);
  if (share && Number.isFinite(audio.duration)) audio.currentTime = audio.duration * share;
});
for (const name of ["timeupdate", "seeked", "loadedmetadata", "durationchange"]) audio.addEventListener(name, drawWave);
for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => {
  $("play").textContent = audio.paused ? "▶" : "❚❚";
  $("play").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
});

const toggle = () => (audio.paused ? audio.play().catch(() => {}) : audio.pause());
$("play").addEventListener("click", toggle);

function seek(seconds) {
  if (Number.isFinite(audio.duration)) audio.currentTime = Math.max(0, Math.min(seconds, audio.duration - 0.05));
}

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

// A track that is longer than MOST_S has no waveform: decoded, an hour takes more memory than a browser may have.
async function readPeaks(url, now) {
  if (audio.readyState < 1) await new Promise((done) => audio.addEventListener("loadedmetadata", done, { once: true }));
  if (now !== version || !(audio.duration <= MOST_S)) return;
  try {
    const answer = await fetch(url);
    if (!answer.ok) return;
    const data = await answer.arrayBuffer();
    if (now !== version) return;
    const decoded = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(data);
    if (now !== version) return;
    const samples = decoded.getChannelData(0), size = samples.length / N_PEAKS;
    const found = new Float32Array(N_PEAKS);
    for (let i = 0; i < N_PEAKS; i++) {
      let most = 0;
      for (let j = Math.floor(i * size); j < Math.floor((i + 1) * size); j++) most = Math.max(most, Math.abs(samples[j]));
      found[i] = most;
    }
    const loudest = Math.max(...found) || 1;
    peaks = found.map((value) => value / loudest);
    drawWave();
  } catch { /* what cannot be decoded is told by the player */ }
}

function drawWave() {
  const canvas = $("peaks"), scale = window.devicePixelRatio || 1, box = $("wave").getBoundingClientRect();
  if (!box.width) return;
  canvas.width = box.width * scale;
  canvas.height = box.height * scale;
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  pen.scale(scale, scale);
  const length = Number.isFinite(audio.duration) ? audio.duration : 0, played = length ? audio.currentTime / length : 0;
  const n = Math.floor(box.width / 3), middle = box.height / 2;
  for (let i = 0; i < n; i++) {
    const from = Math.floor((i * N_PEAKS) / n), to = Math.max(from + 1, Math.floor(((i + 1) * N_PEAKS) / n));
    const half = peaks ? Math.max(1, Math.max(...peaks.slice(from, to)) * (middle - 6)) : 1;
    pen.fillStyle = style.getPropertyValue((i + 0.5) / n <= played ? "--c1" : "--soft");
    pen.globalAlpha = (i + 0.5) / n <= played ? 1 : 0.55;
    pen.fillRect(i * 3, middle - half, 2, 2 * half);
  }
  $("time").textContent = length ? `${minutes(audio.currentTime)} / ${minutes(length)}` : "";
  $("wave").setAttribute("aria-valuemax", Math.round(length));
  $("wave").setAttribute("aria-valuenow", Math.round(audio.currentTime));
  $("wave").setAttribute("aria-valuetext", `${minutes(audio.currentTime)} of ${minutes(length)}`);
}

function point(event) {
  const box = $("wave").getBoundingClientRect();
  seek(((event.clientX - box.left) / box.width) * audio.duration);
}
$("wave").addEventListener("pointerdown", (event) => { $("wave").setPointerCapture(event.pointerId); point(event); });
$("wave").addEventListener("pointermove", (event) => { if (event.buttons) point(event); });
window.addEventListener("resize", drawWave);

// --- start ----------------------------------------------------------------------------------------------------------

$("order").value = memory.order || "model";
$("begin").value = memory.begin || "0";
setInterval(look, LOOK_MS);
welcome();
