// What crosses the bridge right now. Nothing is kept: the list begins when the page is opened and ends with it.

import { badge, button, check, h, heading, icon } from "./dom.js";
import { follow } from "./api.js";
import { LINKS, REASONS, clock, phone } from "./words.js";

/** How many lines are kept on the page. */
const MOST = 200;

const STATES = { open: ["good", "Watching"], trying: ["warn", "Connecting"], closed: ["bad", "Not connected"], paused: ["idle", "Paused"] };

function line(crossing) {
  const { kind, chat, type, text, url, error, link } = crossing;
  const cells = {
    incoming: () => [icon("arrowIn"), h("b", {}, chat ?? "Somebody"), ` sent: ${type}`],
    outgoing: () => [icon("arrowOut"), "Sent to ", h("b", {}, chat ?? "a chat"), `: ${type}`],
    not_sent: () => [icon("warning"), "Not sent to ", h("b", {}, chat ?? "a chat"), `: ${REASONS[error] ?? error}`],
    delivery: () => [icon("webhooks"), error ? "Not delivered to " : "Delivered to ", h("b", {}, url), error && `: ${error}`],
    link: () => [icon("link"), `The device is ${(LINKS[link]?.[1] ?? link).toLowerCase()}`],
  };
  const isBad = error || (kind === "link" && LINKS[link]?.[0] === "bad");
  return h("li", { class: isBad ? "line bad" : `line ${kind}` },
    h("time", { datetime: crossing.at }, clock(crossing.at)),
    h("span", { class: "device" }, phone(crossing.device_id)),
    h("span", { class: "what" }, (cells[kind] ?? (() => [kind]))()),
    text && h("q", {}, text));
}

export function live({ onLeave }) {
  const state = h("span", { role: "status" });
  const nothing = h("p", { class: "hint quiet-place" }, "Nothing crossed since you opened this page.");
  const list = h("ol", { class: "log", role: "log", "aria-label": "What crosses the bridge", "aria-live": "polite" });
  let stop = () => {};

  function show(name) {
    state.replaceChildren(badge(...STATES[name]));
  }

  function add(entry) {
    nothing.hidden = true;
    list.prepend(entry);
    while (list.children.length > MOST) list.lastChild.remove();
  }

  function start() {
    stop();
    show("trying");
    stop = follow(`live?bodies=${words.box.checked}`, {
      crossing: (crossing) => add(line(crossing)),
      missed: () => add(h("li", { class: "line bad" }, "So much happened that some of it was missed.")),
    }, show);
  }

  const words = check("Show the words of messages", { onchange: () => pause.getAttribute("aria-pressed") === "true" || start() });
  const pause = button("Pause", {
    "aria-pressed": "false",
    onclick: () => {
      const paused = pause.getAttribute("aria-pressed") !== "true";
      pause.setAttribute("aria-pressed", String(paused));
      stop();
      if (paused) show("paused");
      else start();
    },
  });
  const clear = button("Clear", {
    onclick: () => {
      list.replaceChildren();
      nothing.hidden = false;
    },
  });
  start();
  onLeave(() => stop());
  return [
    heading("Live", "What crosses the bridge while you look. Nothing of it is kept."),
    h("div", { class: "card" },
      h("div", { class: "bar" }, state, words.row, h("div", { class: "actions" }, pause, clear)),
      nothing, list),
  ];
}
