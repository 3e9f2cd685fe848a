// The webhooks, and what became of what they were told.

import { alertBox, badge, busy, button, check, confirmed, dialog, empty, field, h, heading, say, secretBox, table } from "./dom.js";
import { call, get } from "./api.js";
import { DELIVERIES, exact, fromNow } from "./words.js";

const time = (text) => text ? h("time", { datetime: text, title: exact(text) }, fromNow(text)) : "–";

/** The last deliveries of one webhook. */
function deliveries(webhook, canWrite) {
  const place = h("div", { class: "deliveries", "aria-busy": "true" });
  let shown;

  async function refresh() {
    const list = await get(`webhooks/${webhook.id}/deliveries`);
    const text = JSON.stringify(list) + Math.floor(Date.now() / 60000);
    if (text === shown) return;
    shown = text;
    place.removeAttribute("aria-busy");
    if (list.length === 0) {
      return place.replaceChildren(h("p", { class: "hint" }, "Nothing was delivered yet. When somebody writes to a device, it stands here."));
    }
    const rows = list.map((delivery) => {
      const [tone, words] = DELIVERIES[delivery.status];
      const again = canWrite && delivery.can_be_repeated && webhook.active && button(
        delivery.status === "waiting" ? "Try now" : "Redeliver",
        { class: "button small", "aria-label": `Redeliver ${delivery.id}`, onclick: (event) => repeat(event, delivery) }, "again");
      return [
        badge(tone, words), time(delivery.created_at), String(delivery.attempts),
        h("span", { class: "reason" }, delivery.error ?? "–"), time(delivery.next_attempt_at), again || "",
      ];
    });
    place.replaceChildren(table(`Deliveries to ${webhook.url}`, ["Status", "Promised", "Attempts", "Last problem", "Next attempt", "Action"], rows));
  }

  const repeat = (event, delivery) => busy(event.currentTarget, undefined, async () => {
    await call("POST", `webhooks/${webhook.id}/deliveries/${delivery.id}/redeliver`);
    say("It is being delivered again.");
    await refresh();
  });
  return { place, refresh };
}

export function webhooks({ may, often }) {
  const canWrite = may("webhooks:write:*");
  const place = h("div", { "aria-busy": "true" });
  const open = new Map();
  const problem = alertBox();

  const fail = (error) => error.isOver || place.replaceChildren(h("p", { class: "alert", role: "alert" }, error.message));

  function card(webhook, isOnly) {
    const seen = deliveries(webhook, canWrite);
    const toggle = check("Active", {
      role: "switch", checked: webhook.active, disabled: !canWrite,
      onchange: ({ target }) => busy(target, undefined, async () => {
        await call("PUT", `webhooks/${webhook.id}`, { active: target.checked });
        say(target.checked ? "Switched on." : "Switched off: it hears nothing until you switch it on.");
        await refresh();
      }),
    });
    const details = h("details", {
      class: "more", open: isOnly,
      ontoggle: () => {
        if (!details.open) return open.delete(webhook.id);
        open.set(webhook.id, seen.refresh);
        seen.refresh().catch(fail);
      },
    }, h("summary", {}, "Last deliveries"), seen.place);
    if (isOnly) open.set(webhook.id, seen.refresh);
    return h("li", { class: "card webhook" },
      h("div", { class: "top" }, h("h2", { class: "address" }, webhook.url), toggle.row),
      h("p", { class: "hint" }, "Added ", time(webhook.created_at)),
      details,
      canWrite && h("div", { class: "actions" }, button("Remove", { class: "button quiet danger", onclick: (event) => remove(event, webhook) })));
  }

  async function refresh() {
    const list = await get("webhooks");
    open.clear();
    place.removeAttribute("aria-busy");
    place.replaceChildren(list.length === 0
      ? empty("webhooks", "No webhook yet", "Add an address above, and it is told what contacts say. What it does not take is tried again for a day.")
      : h("ul", { class: "cards wide", "aria-label": "Webhooks" }, list.map((webhook) => card(webhook, list.length === 1))));
    await Promise.all([...open.values()].map((again) => again()));
  }

  async function remove(event, webhook) {
    const sure = await confirmed("Remove this webhook?", `${webhook.url} hears nothing more, and what still waits for it is dropped.`, "Remove");
    if (sure) {
      await busy(event.target, undefined, async () => {
        await call("DELETE", `webhooks/${webhook.id}`);
        say("The webhook is removed.");
        await refresh();
      });
    }
  }

  const url = field("Address", undefined, (ties) =>
    h("input", { ...ties, type: "url", name: "url", required: true, placeholder: "https://example.org/hook", autocapitalize: "none", spellcheck: "false" }));
  const submit = button("Add webhook", { type: "submit", class: "button primary" }, "plus");
  const form = canWrite && h("form", {
    class: "card inline",
    onsubmit: (event) => {
      event.preventDefault();
      busy(submit, problem, async () => {
        const input = url.querySelector("input");
        const made = await call("POST", "webhooks", { url: input.value });
        input.value = "";
        await dialog("The webhook is added", (close) => [
          h("p", {}, "This secret signs every delivery as Standard Webhooks says. It is shown this once."),
          secretBox("Signing secret", made.secret),
          h("div", { class: "actions" }, button("Done", { class: "button primary", onclick: () => close() })),
        ]);
        await refresh();
      });
    },
  }, url, submit, problem);

  refresh().catch(fail);
  often(3, () => Promise.all([...open.values()].map((again) => again())));
  return [heading("Webhooks", "Addresses that are told what contacts say, and how that went."), form, place];
}
