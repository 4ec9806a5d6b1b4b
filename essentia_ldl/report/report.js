// The page can be read without this: it adds names under the pointer, players for the map, order and corrections.
(() => {
  "use strict";
  const root = document.documentElement;
  const note = (text) => { root.dataset.error = (root.dataset.error ? root.dataset.error + "; " : "") + text; };
  addEventListener("error", (event) => note(event.message || "a resource failed"));
  document.addEventListener("securitypolicyviolation", (event) => note("refused " + event.blockedURI));
  root.classList.add("scripted");
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const make = (name, text) => { const node = document.createElement(name); node.textContent = text || ""; return node; };

  // one player at a time
  document.addEventListener("play", (event) => {
    all("audio").forEach((player) => { if (player !== event.target) player.pause(); });
  }, true);

  // the map
  const data = document.getElementById("tracks");
  const tracks = data ? JSON.parse(data.textContent) : [];
  const points = all(".map .pt");
  points.forEach((point) => { const title = point.querySelector("title"); if (title) title.remove(); });
  const picked = document.getElementById("picked");
  const tip = make("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const name = (track) => track[0] + (track[1] ? " – " + track[1] : "") + " (" + track[2] + ")";
  const pick = (number) => {
    const track = tracks[number];
    points.forEach((point) => point.classList.toggle("chosen", Number(point.dataset.track) === number));
    const box = make("div");
    box.append(make("b", name(track)));
    box.append(make("span", "share of the label: " + (track[4] || "no opinion") + (track[3] === track[2] ? "" : "; suggestion: " + track[3])));
    const row = document.getElementById("track-" + number);
    const own = row && row.querySelector("audio");
    const source = track[5] || (own && own.getAttribute("src"));
    if (source) {
      const player = make("audio");
      player.controls = true;
      player.preload = "none";
      player.src = source;
      box.append(player);
      player.play().catch(() => {});
    }
    if (row) {
      const link = make("a", "to its row in the audit");
      link.href = "#track-" + number;
      box.append(link);
    }
    picked.replaceChildren(box);
  };
  all(".map").forEach((map) => {
    map.addEventListener("pointermove", (event) => {
      const point = event.target.closest(".pt");
      tip.hidden = !point || !tracks.length;
      if (tip.hidden) return;
      tip.textContent = name(tracks[Number(point.dataset.track)]);
      tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
      tip.style.top = Math.max(event.clientY - 34, 4) + "px";
    });
    map.addEventListener("pointerleave", () => { tip.hidden = true; });
    map.addEventListener("click", (event) => {
      const point = event.target.closest(".pt");
      if (point && tracks.length) pick(Number(point.dataset.track));
    });
  });
  const classes = all("button.class");
  classes.forEach((button) => {
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      classes.forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
      points.forEach((point) => point.classList.toggle("dim", on && point.dataset.class !== button.dataset.class));
    });
  });

  // the audit: order, and corrections that become a file
  const table = document.getElementById("rows");
  const order = document.getElementById("order");
  const save = document.getElementById("save");
  if (!table || !order || !save) return;
  const body = table.tBodies[0];
  order.addEventListener("change", () => {
    const key = order.value;
    const rows = [...body.rows];
    const rank = (row) => Number(row.dataset.rank);
    rows.sort((a, b) => (key === "rank" ? 0 : a.dataset[key].localeCompare(b.dataset[key])) || rank(a) - rank(b));
    body.append(...rows);
  });
  const chosen = () => [...body.rows].filter((row) => row.dataset.id !== undefined)
    .map((row) => [row, row.querySelector("select").value]).filter((pair) => pair[1]);
  const count = document.getElementById("count");
  body.addEventListener("change", () => {
    const found = chosen();
    [...body.rows].forEach((row) => row.classList.toggle("changed", found.some((pair) => pair[0] === row)));
    save.disabled = !found.length;
    count.textContent = found.length ? found.length + " judged" : "";
  });
  const quote = (text) => '"' + text.replaceAll('"', '""') + '"';
  save.addEventListener("click", () => {
    const before = table.dataset.before ? JSON.parse(table.dataset.before) : [];
    const judged = chosen().map((pair) => [pair[0].dataset.id, pair[1]]);
    const lines = ["id,correction", ...[...before, ...judged].map((cells) => cells.map(quote).join(","))];
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = "corrections.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();
