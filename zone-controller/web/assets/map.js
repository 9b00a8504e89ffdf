// The map: each change of a node touches its own cell and nothing else; arrow keys go from node to node; the node under the
// pointer, or in focus, shows its 24 bits.
"use strict";
(() => {
  const WORDS = { h: "healthy", w: "degraded", c: "degraded, critically", s: "suspect", d: "down", u: "unknown", j: "joining", l: "left" };
  const MARKS = { h: "", w: "!", c: "‼", s: "?", d: "✕", u: "–", j: "+", l: "○" };
  const STATES = { healthy: "h", suspect: "s", down: "d", joining: "j", left: "l" };
  const panel = document.getElementById("hint");
  let map, names, critical, cells;
  // The one stop for the tabulator among the cells, once somebody went there; from it on arrow keys.
  let entry;
  // The last change told of each node that may be newer than the map there is.
  const newer = new Map();

  // Set bits, bits that are not measured, and since when, seconds.
  const told = (cell) => cell.dataset.b.split(" ").map(Number);
  // What follows /ui/nodes/ in its address.
  const node = (cell) => cell.getAttribute("href").slice(10);

  const read = () => {
    map = document.getElementById("map");
    names = map.dataset.names.split(" ");
    critical = Number(map.dataset.critical);
    cells = new Map();
    for (const cell of map.querySelectorAll("a.n")) cells.set(node(cell), cell);
    entry = null;
  };

  const grid = (bits, mask) => {
    let clear = "", set = "", open = "";
    for (let bit = 0; bit < names.length; bit++) {
      const x = (bit % 8) * 6, y = Math.floor(bit / 8) * 6;
      if (mask >> bit & 1) open += `M${x} ${y}h5v5h-5zl5 5`;
      else if (bits >> bit & 1) set += `M${x} ${y}h5v5h-5z`;
      else clear += `M${x + 1}.5 ${y + 1}.5h2v2h-2z`;
    }
    return [clear, set, open];
  };
  const named = (bits) => names.filter((_, bit) => bits >> bit & 1).join(", ");
  const name = (cell) => cell.querySelector("b")?.textContent ?? cell.getAttribute("aria-label").split(" ")[0];

  // A map that was asked for before a change, and comes after it, does not undo it.
  const reapply = () => {
    const drawn = Number(map.dataset.health);
    for (const [id, change] of newer) change.id > drawn ? apply(change) : newer.delete(id);
  };

  const apply = ({ node: id, state, bits, mask, since }) => {
    const cell = cells.get(id);
    if (!cell) return;
    performance.mark("cell");
    const look = state === "degraded" ? (bits & critical ? "c" : "w") : STATES[state] ?? "u";
    const set = named(bits), called = name(cell);
    const was = cell.classList[1];
    cell.className = `n ${look} changed`;
    // What is degraded in another way is degraded since then all the same.
    const goesOn = look === was || (/[wc]/.test(look) && /[wc]/.test(was));
    cell.dataset.b = `${bits} ${mask} ${goesOn ? told(cell)[2] : since}`;
    if (cell.firstElementChild) {
      cell.querySelector("span").textContent = set;
      cell.querySelector("i").textContent = MARKS[look];
      cell.querySelector("small").textContent = WORDS[look];
      const paths = cell.querySelectorAll("path");
      grid(bits, mask).forEach((d, at) => paths[at].setAttribute("d", d));
    } else {
      cell.setAttribute("aria-label", `${called} ${WORDS[look]}${set ? ": " + set : ""}`);
      cell.textContent = MARKS[look];
    }
    count(cell.closest(".rack"));
    if (panel.dataset.node === id) show(cell);
    setTimeout(() => cell.classList.remove("changed"), 1500);
    requestAnimationFrame(() => performance.measure("cell", "cell"));
  };

  const count = (rack) => {
    const said = rack.querySelector("h3 small"), all = rack.querySelectorAll("a.n").length;
    const wrong = all - rack.querySelectorAll("a.n.h, a.n.l").length;
    said.replaceChildren(String(all));
    if (!wrong) return;
    const concern = document.createElement("b");
    concern.className = "concern";
    concern.textContent = `${wrong} ${wrong === 1 ? "concern" : "concerns"}`;
    said.append(" · ", concern);
  };

  const show = (cell) => {
    const [bits, mask, since] = told(cell);
    const look = cell.classList[1], age = window.rollcall.now() - since * 1000;
    const line = (text, tag = "p") => Object.assign(document.createElement(tag), { textContent: text });
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawn.setAttribute("viewBox", "0 0 47 17");
    drawn.setAttribute("class", "bits");
    grid(bits, mask).forEach((d, at) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      path.setAttribute("class", ["b0", "b1", "bu"][at]);
      drawn.append(path);
    });
    panel.replaceChildren(line(name(cell), "b"), line(`${MARKS[look]} ${WORDS[look]} for ${window.rollcall.span(age)}`), drawn);
    panel.append(line(bits ? named(bits) : "no bit set"));
    panel.dataset.node = node(cell);
    panel.hidden = false;
    const at = cell.getBoundingClientRect(), size = panel.getBoundingClientRect();
    const below = at.bottom + 8 + size.height < innerHeight;
    panel.style.left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8)) + "px";
    panel.style.top = (below ? at.bottom + 8 : Math.max(8, at.top - size.height - 8)) + "px";
  };
  const hide = () => { panel.hidden = true; delete panel.dataset.node; };

  // The nearest cell in a direction: what lies straight ahead counts more than what lies aside.
  const nearest = (from, dx, dy) => {
    const a = from.getBoundingClientRect();
    let best = null, least = Infinity;
    for (const cell of cells.values()) {
      const b = cell.getBoundingClientRect();
      const x = b.left - a.left, y = b.top - a.top, ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (ahead <= 1) continue;
      const far = ahead + 4 * aside;
      if (far < least) { least = far; best = cell; }
    }
    return best;
  };
  const stop = (cell) => {
    if (entry) entry.tabIndex = -1;
    else for (const other of cells.values()) other.tabIndex = -1;
    entry = cell;
    cell.tabIndex = 0;
  };
  const go = (cell) => {
    if (!cell) return;
    stop(cell);
    cell.focus();
  };
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("#map a.n");
    if (event.key === "Escape") return hide();
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!map) read();
    const all = () => [...cells.values()];
    const ways = { ArrowLeft: () => nearest(cell, -1, 0), ArrowRight: () => nearest(cell, 1, 0), ArrowUp: () => nearest(cell, 0, -1), ArrowDown: () => nearest(cell, 0, 1), Home: () => all()[0], End: () => all().pop() };
    if (!ways[event.key]) return;
    event.preventDefault();
    go(ways[event.key]());
  });
  document.addEventListener("focusin", (event) => {
    const cell = event.target.closest?.("#map a.n");
    if (!cell) return hide();
    if (!map) read();
    if (!entry) stop(cell);
    show(cell);
  });
  document.addEventListener("mouseover", (event) => { const cell = event.target.closest?.("#map a.n"); if (cell) { if (!map) read(); show(cell); } else if (!document.activeElement?.closest("#map")) hide(); });
  document.addEventListener("node-health", ({ detail: change }) => {
    if (!map) read();
    newer.set(change.node, change);
    // What is told again, to be sure, may be on the map already.
    if (change.id > Number(map.dataset.health)) apply(change);
  });
  // The map comes anew, perhaps of a database in which these changes are not.
  document.addEventListener("told-gap", () => newer.clear());
  document.body.addEventListener("htmx:afterSwap", () => {
    if (document.getElementById("map") === map) return;
    hide();
    read();
    reapply();
    const cell = document.activeElement.closest("#map a.n");
    if (!cell) return;
    stop(cell);
    show(cell);
  });
})();
