// Sending a message, with a file or without, and following it until WhatsApp has it.

import { alertBox, badge, busy, button, empty, field, h, heading, icon } from "./dom.js";
import { call, follow, get, idempotencyKey, part, upload } from "./api.js";
import { REASONS, phone } from "./words.js";

const STATES = { queued: ["warn", "On its way"], sent: ["good", "Sent"], failed: ["bad", "Not sent"] };

export function send({ onLeave, query }) {
  const place = h("div", { "aria-busy": "true" });
  const results = h("ul", { class: "results", "aria-label": "What became of your messages", "aria-live": "polite" });
  const fates = new Map();
  const rows = new Map();

  function tell(id, state, reason) {
    fates.set(id, [state, reason]);
    const row = rows.get(id);
    if (row) row.replaceChildren(...words(state, reason));
  }

  function words(state, reason) {
    const [tone, name] = STATES[state] ?? ["idle", state];
    return [badge(tone, name), reason && h("span", { class: "reason" }, REASONS[reason] ?? reason)].filter(Boolean);
  }

  onLeave(follow("live", {
    crossing: ({ kind, message_id, error }) => {
      if (!message_id) return;
      if (kind === "outgoing") tell(message_id, "sent");
      if (kind === "not_sent") tell(message_id, "failed", error);
    },
  }));

  function form(devices) {
    const problem = alertBox();
    const device = field("Through", undefined, (ties) =>
      h("select", { ...ties, name: "device" }, devices.map(({ device_id }) =>
        h("option", { value: device_id, selected: device_id === query.get("device") }, phone(device_id)))));
    const to = field("To", "Numbers with their country, chat ids, or invite links of groups; commas between several.", (ties) =>
      h("input", { ...ties, name: "contact", required: true, autocapitalize: "none", spellcheck: "false" }));
    const text = field("Text", undefined, (ties) => h("textarea", { ...ties, name: "text", rows: 5 }));
    const file = field("File", "Optional. The text stands under it.", (ties) => h("input", { ...ties, type: "file", name: "file" }));
    const reply = field("In answer to", "Optional: the id of a message, as webhooks name it.", (ties) =>
      h("input", { ...ties, name: "reply_id", autocapitalize: "none", spellcheck: "false" }));
    const submit = button("Send message", { type: "submit", class: "button primary" }, "send");
    const value = (part) => part.querySelector("input, select, textarea").value.trim();

    async function send() {
      const path = `devices/${part(value(device))}/message`;
      const fields = { platform: "wa", contact: value(to), text: value(text), reply_id: value(reply) };
      const chosen = file.querySelector("input").files[0];
      const headers = { "Idempotency-Key": idempotencyKey() };
      let answer;
      if (chosen) {
        const body = new FormData();
        for (const [name, content] of Object.entries(fields)) if (content) body.append(name, content);
        body.append("file", chosen);
        answer = await upload(path, body, headers);
      } else {
        answer = await call("POST", path, fields, headers);
      }
      for (const { recipient, message_id, status, reason } of answer.results) {
        const state = h("span", { class: "fate" });
        rows.set(message_id, state);
        tell(message_id, ...(fates.get(message_id) ?? [status, reason]));
        results.prepend(h("li", {}, h("b", {}, recipient),
          h("span", { class: "what" }, fields.text || chosen?.name), state));
      }
      text.querySelector("textarea").value = "";
      file.querySelector("input").value = "";
      text.querySelector("textarea").focus();
    }

    return h("form", {
      class: "card send",
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, send);
      },
    }, device, to, text, file, h("details", {}, h("summary", {}, "More"), reply), problem, h("div", { class: "actions" }, submit));
  }

  get("devices").then((devices) => {
    place.removeAttribute("aria-busy");
    place.replaceChildren(...(devices.length === 0
      ? [empty("send", "No device to send with", "Link a phone first.", h("a", { class: "button primary", href: "#/link" }, icon("plus"), "Link a device"))]
      : [form(devices), results]));
  }).catch((error) => error.isOver || place.replaceChildren(h("p", { class: "alert", role: "alert" }, error.message)));

  return [heading("Send", "A message to a person or a group, as programs send it."), place];
}
