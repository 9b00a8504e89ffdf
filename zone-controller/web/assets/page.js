// What every page does with a script: it stays live, keeps ages true, and says when it is cut off.
"use strict";
(() => {
  const AGAIN = 1000, MOST = 10000, PACE = 1000, NODE_PACE = 500, MAP_PACE = 3000, SPREAD = 1000, SILENCE = 40000;
  const lost = document.getElementById("lost");
  const mark = document.getElementById("live");
  // The newest ids this page knows: those it was made with, later those it was told.
  const seen = { events: Number(document.body.dataset.events), health: Number(document.body.dataset.health) };
  let source = null, wait = AGAIN, retry = 0, silence = 0, since = null, wasLost = false;

  // Parts that show what is now are asked for anew when something changed, at most once a second.
  let last = 0, due = 0;
  const tell = (name) => document.body.dispatchEvent(new CustomEvent(name));

  // A page about one node cares for no other; what changed there is there at once, whatever else happens in the zone.
  const subject = () => document.querySelector("[data-node]")?.dataset.node;
  let lastNode = 0, dueNode = 0;
  const concerns = (node) => {
    if (!node || node !== subject() || dueNode) return;
    const wait = Math.max(0, lastNode + NODE_PACE - Date.now());
    dueNode = setTimeout(() => { dueNode = 0; lastNode = Date.now(); tell("node-changed"); }, wait);
  };

  const changed = () => {
    if (due) return;
    due = setTimeout(() => {
      due = 0;
      last = Date.now();
      tell("zone-changed");
    }, Math.max(0, last + PACE - Date.now()));
  };

  // The map is the greatest part: it comes anew at most once in three seconds, and not for every page at the same moment.
  let lastMap = 0, dueMap = 0;
  const stale = () => {
    if (dueMap) return;
    const wait = Math.max(0, lastMap + MAP_PACE - Date.now()) + Math.random() * SPREAD;
    dueMap = setTimeout(() => { dueMap = 0; lastMap = Date.now(); tell("map-stale"); }, wait);
  };

  const cutOff = () => {
    clearTimeout(silence);
    if (source) source.close();
    source = null;
    if (!since) {
      since = new Date();
      const time = lost.querySelector("time");
      time.dateTime = since.toISOString();
      time.textContent = since.toISOString().slice(11, 19) + " UTC";
      lost.hidden = false;
      mark.textContent = "not live";
    }
    wasLost = true;
    clearTimeout(retry);
    retry = setTimeout(connect, wait * (0.5 + Math.random() / 2));
    wait = Math.min(wait * 2, MOST);
  };
  // The zone says something every few seconds, even if nothing happens: a connection that is silent is none.
  const heard = () => { clearTimeout(silence); silence = setTimeout(cutOff, SILENCE); };

  const connect = () => {
    if (source || document.hidden) return;
    source = new EventSource(`/ui/live?events=${seen.events}&health=${seen.health}`);
    source.onopen = () => {
      heard();
      wait = AGAIN;
      since = null;
      lost.hidden = true;
      mark.textContent = "live";
      // What happened in between is told now; what is told by no event, how the broker is say, is asked for anew.
      if (wasLost) { concerns(subject()); changed(); }
      wasLost = false;
    };
    source.onerror = cutOff;
    source.addEventListener("alive", heard);
    source.addEventListener("health", (event) => {
      heard();
      const change = JSON.parse(event.data);
      seen.health = change.id;
      document.dispatchEvent(new CustomEvent("node-health", { detail: change }));
      concerns(change.node);
      changed();
    });
    source.addEventListener("change", (event) => {
      heard();
      const { id, moves, about } = JSON.parse(event.data);
      seen.events = id;
      if (moves) stale();
      concerns(about);
      changed();
    });
    // Too much happened to be told one by one: everything is asked for anew, and what comes next follows these ids.
    source.addEventListener("gap", (event) => {
      heard();
      Object.assign(seen, JSON.parse(event.data));
      document.dispatchEvent(new CustomEvent("told-gap"));
      stale();
      concerns(subject());
      changed();
    });
  };
  // Browsers grant one site few connections: a page that nobody looks at gives its own up.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { wasLost = true; return connect(); }
    clearTimeout(retry);
    clearTimeout(silence);
    if (source) source.close();
    source = null;
  });

  // Nothing is taken from under somebody's fingers: a part in which somebody types waits until they are done.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target, at = document.activeElement;
    const isBusy = target && at && target.contains(at) && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && at.value;
    if (isBusy && event.detail.requestConfig.verb === "get") { event.detail.shouldSwap = false; setTimeout(() => { concerns(subject()); changed(); }, 3000); }
  });
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "notice" && event.detail.requestConfig.verb !== "get") document.getElementById("notice").replaceChildren();
  });
  // What comes anew is where it was: scrolled as far, and in focus if it was. What is the same stays.
  const STOPS = "a[href], button, summary, [tabindex]";
  const kept = new Map();
  const keep = (target) => {
    if (!target || !target.id) return;
    const at = document.activeElement, stops = [...target.querySelectorAll(STOPS)];
    const scrolled = [...target.querySelectorAll(".scroll")].map((it) => [it.scrollLeft, it.scrollTop]);
    kept.set(target.id, { scrolled, stop: stops.indexOf(at), href: at?.getAttribute("href") });
  };
  const restore = (id) => {
    const was = kept.get(id), part = document.getElementById(id);
    kept.delete(id);
    if (!was || !part) return;
    part.querySelectorAll(".scroll").forEach((it, nth) => it.scrollTo(...(was.scrolled[nth] ?? [0, 0])));
    if (was.stop < 0 || document.activeElement !== document.body) return;
    const again = was.href ? part.querySelector(`[href="${CSS.escape(was.href)}"]`) : part.querySelectorAll(STOPS)[was.stop];
    again?.focus({ preventScroll: true });
  };
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.isEqualNode(fragment.firstElementChild)) event.detail.shouldSwap = false;
    else keep(target);
  });
  document.body.addEventListener("htmx:oobAfterSwap", (event) => restore(event.detail.target.id));
  document.body.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.shouldSwap) keep(event.detail.target); });
  document.body.addEventListener("htmx:afterSwap", (event) => restore(event.target.id));

  document.body.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig.verb === "get") return;
    const said = document.createElement("p");
    said.className = "problem";
    said.textContent = "The zone did not answer: nothing was changed. Try again in a moment.";
    document.getElementById("notice").replaceChildren(said);
  });

  // Ages, by the zone's clock and not by this machine's.
  const glance = document.getElementById("glance");
  const ahead = glance ? Date.now() - Number(glance.dataset.now) : 0;
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    return s < 120 ? s + " s" : s < 7200 ? Math.floor(s / 60) + " min" : s < 172800 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " days";
  };
  window.rollcall = { span, now: () => Date.now() - ahead };
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const said = span(window.rollcall.now() - Date.parse(time.dateTime));
      if (time.textContent !== said) time.textContent = said;
    }
  }, 1000);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    document.getElementById("q").focus();
  });
  // An example of the SQL page is put where questions are written.
  document.addEventListener("click", (event) => {
    const example = event.target.closest("button[data-example]");
    if (!example) return;
    const query = document.getElementById("query");
    query.value = document.getElementById(example.dataset.example).textContent;
    query.focus();
    query.form.requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "query") event.target.form.requestSubmit();
  });
  mark.textContent = "connecting";
  connect();
})();
