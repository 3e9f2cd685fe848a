// Small pieces of page. Text always goes in as text: nothing here, or anywhere in the console, reads markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** An element with attributes, listeners (`onclick`) and children. */
export const h = (name, properties, ...children) => fill(document.createElement(name), properties, children);

/** The same for drawings. */
export const svg = (name, properties, ...children) => fill(document.createElementNS(SVG, name), properties, children);

const ICONS = {
  devices: "M8.5 3h7A1.5 1.5 0 0 1 17 4.5v15a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 7 19.5v-15A1.5 1.5 0 0 1 8.5 3zM11 18h2",
  send: "M20.5 3.5 3.5 10l6.5 3.5L14 20zM20.5 3.5 10 13.5",
  webhooks: "M13 3 5 14h6l-1 7 8-11h-6z",
  live: "M3 12h4l3-8 4 16 3-8h4",
  tokens: "M14.5 9.5a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0zM13.4 12.4 20 19M17.5 16.5 15.8 18.2",
  credentials: "M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM4.5 20c.9-3.6 3.8-5.5 7.5-5.5s6.6 1.9 7.5 5.5",
  plus: "M12 5v14M5 12h14",
  out: "M14 4h4.5A1.5 1.5 0 0 1 20 5.5v13a1.5 1.5 0 0 1-1.5 1.5H14M4 12h11M11.5 8.5 15 12l-3.5 3.5",
  copy: "M9 9h9.5A1.5 1.5 0 0 1 20 10.5v8a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 9 18.5zM6 15H5.5A1.5 1.5 0 0 1 4 13.5v-8A1.5 1.5 0 0 1 5.5 4h8A1.5 1.5 0 0 1 15 5.5V6",
  again: "M20 12a8 8 0 1 1-2.3-5.6M20 4v4h-4",
  arrowIn: "M18 6 7 17M7 8.5V17h8.5",
  arrowOut: "M6 18 17 7M8.5 7H17v8.5",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.2",
};

/** A line drawing beside words; never the only thing that says something. */
export const icon = (name) =>
  svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }));

let last = 0;
export const newId = (word) => `${word}-${++last}`;

/** A labelled control, with a hint below it. `make` gets the attributes that tie them together. */
export function field(label, hint, make) {
  const id = newId("field");
  const hintId = hint ? `${id}-hint` : undefined;
  return h("div", { class: "field" },
    h("label", { for: id }, label),
    make({ id, "aria-describedby": hintId }),
    hint && h("p", { class: "hint", id: hintId }, hint));
}

/** A checkbox with its words beside it. */
export function check(label, properties) {
  const box = h("input", { type: "checkbox", ...properties });
  return { box, row: h("label", { class: "check" }, box, h("span", {}, label)) };
}

/** A real button. */
export const button = (words, properties, picture) =>
  h("button", { type: "button", class: "button", ...properties }, picture && icon(picture), words);

/** A word about a state, in its colour. */
export const badge = (tone, words) => h("span", { class: `badge ${tone}` }, words);

/** Something that went wrong, where it went wrong. */
export const alertBox = () => h("p", { class: "alert", role: "alert", hidden: true });

export function complain(box, error) {
  box.textContent = error?.message ?? String(error);
  box.hidden = false;
}

/** Runs what a form or button does: once at a time, with complaints in `box`. */
export async function busy(control, box, act) {
  if (control.disabled) return;
  control.disabled = true;
  control.setAttribute("aria-busy", "true");
  if (box) box.hidden = true;
  try {
    return await act();
  } catch (error) {
    if (error.isOver) return;
    if (box) complain(box, error);
    else say(error.message, "bad");
  } finally {
    control.disabled = false;
    control.removeAttribute("aria-busy");
  }
}

/** Says in a corner, and to screen readers, what was done. */
export function say(words, tone = "good") {
  const note = h("p", { class: `note ${tone}` }, words);
  document.getElementById("news").append(note);
  setTimeout(() => note.remove(), 6000);
}

/** A question in front of the page. `content` gets a function that closes it. Resolves when it is closed. */
export function dialog(title, content) {
  const id = newId("dialog");
  return new Promise((resolve) => {
    let answer;
    const box = h("dialog", { class: "dialog", "aria-labelledby": id });
    const close = (value) => {
      answer = value;
      box.close();
    };
    box.append(h("h2", { id }, title), ...[content(close)].flat());
    box.addEventListener("close", () => {
      box.remove();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
  });
}

/** Asks before something that cannot be undone. */
export const confirmed = (title, words, deed) =>
  dialog(title, (close) => [
    h("p", {}, words),
    h("div", { class: "actions" },
      button("Cancel", { onclick: () => close(false), autofocus: true }),
      button(deed, { class: "button danger", onclick: () => close(true) })),
  ]);

/** A secret that is shown once, ready to be copied. */
export function secretBox(label, secret) {
  const id = newId("secret");
  const box = h("input", { id, class: "secret", readonly: true, value: secret, spellcheck: "false" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
    } catch {
      // Without TLS browsers give no clipboard; the old way works everywhere.
      box.select();
      document.execCommand("copy");
    }
    say("Copied.");
  };
  return h("div", { class: "field" },
    h("label", { for: id }, label),
    h("div", { class: "joined" }, box, button("Copy", { onclick: copy }, "copy")));
}

/** What stands where nothing is yet. */
export const empty = (picture, title, words, ...actions) =>
  h("div", { class: "empty" }, icon(picture), h("h2", {}, title), h("p", {}, words),
    actions.length > 0 && h("div", { class: "actions centered" }, actions));

/** The top of a page: its name, a sentence, and what can be done. */
export const heading = (title, words, ...actions) =>
  h("header", { class: "heading" },
    h("div", {}, h("h1", { tabindex: "-1" }, title), h("p", {}, words)),
    actions.length > 0 && h("div", { class: "actions" }, actions));

/** A table that becomes a list of cards on a phone. `rows` are arrays as long as `heads`. */
export const table = (caption, heads, rows) =>
  h("table", {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((cells) =>
      h("tr", {}, cells.map((cell, at) => h("td", { "data-head": heads[at] }, cell))))));
