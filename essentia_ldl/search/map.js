// The page can be read without this: it colours the map by a column, finds tracks, and plays the one that is clicked.
(() => {
  "use strict";
  const root = document.documentElement;
  addEventListener("error", (event) => { root.dataset.error = event.message || "a resource failed"; });
  const tracks = JSON.parse(document.getElementById("tracks").textContent);
  const points = [...document.querySelectorAll(".map .pt")];
  const make = (name, text) => { const node = document.createElement(name); node.textContent = text || ""; return node; };
  const palette = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#44bb99", "#bbcc33", "#99ddff"];
  const name = (track) => (track.artist ? track.artist + " – " : "") + track.title;

  // colours: the ten most frequent values of a column
  const keys = document.getElementById("keys");
  const colour = (column) => {
    const counts = new Map();
    tracks.forEach((track) => { if (track[column]) counts.set(track[column], (counts.get(track[column]) || 0) + 1); });
    const values = [...counts.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, palette.length);
    const colours = new Map(values.map(([value], i) => [value, palette[i]]));
    points.forEach((point) => { point.style.fill = colours.get(tracks[point.dataset.track][column]) || ""; });
    keys.replaceChildren(...values.map(([value, count]) => {
      const button = make("button", value + " (" + count + ")");
      button.className = "class";
      button.type = "button";
      button.style.borderColor = colours.get(value);
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        [...keys.children].forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
        points.forEach((point) => point.classList.toggle("dim", on && tracks[point.dataset.track][column] !== value));
      });
      return button;
    }));
    document.querySelectorAll("button.column").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.column === column));
    });
  };
  const columns = [...document.querySelectorAll("button.column")];
  columns.forEach((button) => button.addEventListener("click", () => colour(button.dataset.column)));
  if (columns.length) colour(columns[0].dataset.column);

  // a click names and plays a track
  const picked = document.getElementById("picked");
  const pick = (number) => {
    const track = tracks[number];
    points.forEach((point) => point.classList.toggle("chosen", Number(point.dataset.track) === number));
    const box = make("div");
    box.append(make("b", name(track)), make("span", track.similarity), make("span", track.path));
    const player = make("audio");
    player.controls = true;
    player.preload = "none";
    player.src = track.url;
    box.append(player);
    picked.replaceChildren(box);
    player.play().catch(() => {});
  };
  document.querySelectorAll("[data-track]").forEach((node) => {
    node.addEventListener("click", () => pick(Number(node.dataset.track)));
  });
})();
