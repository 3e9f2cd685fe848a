// The devices: how each stands, when it was last heard, and what crossed in the last day.

import { badge, busy, button, confirmed, empty, h, heading, icon, say, svg } from "./dom.js";
import { call, get, part } from "./api.js";
import { LINKS, count, exact, fromNow, phone } from "./words.js";

const HOURS = 24;
const HOUR = 3600000;

/** Two bars for each hour of a day. */
function chart(traffic) {
  const now = Math.floor(Date.now() / HOUR);
  const hours = Array.from({ length: HOURS }, () => ({ incoming: 0, outgoing: 0 }));
  for (const { from, incoming, outgoing } of traffic) {
    const hour = hours[HOURS - 1 - (now - Math.floor(Date.parse(from) / HOUR))];
    if (hour) Object.assign(hour, { incoming, outgoing });
  }
  const most = Math.max(4, ...hours.flatMap(({ incoming, outgoing }) => [incoming, outgoing]));
  const bar = (kind, value, x) => {
    const height = value === 0 ? 1 : Math.max(3, (value / most) * 44);
    return svg("rect", { class: value === 0 ? "none" : kind, x, y: 46 - height, width: 3.4, height, rx: 1 });
  };
  const sum = (kind) => hours.reduce((total, hour) => total + hour[kind], 0);
  const words = `${sum("incoming")} received and ${sum("outgoing")} sent in the last 24 hours`;
  return h("figure", { class: "chart" },
    svg("svg", { viewBox: "0 0 240 46", role: "img", "aria-label": words, preserveAspectRatio: "none" },
      hours.map(({ incoming, outgoing }, at) => [bar("in", incoming, at * 10 + 1), bar("out", outgoing, at * 10 + 5)])),
    h("figcaption", {},
      h("span", { class: "key in" }, `${sum("incoming")} received`),
      h("span", { class: "key out" }, `${sum("outgoing")} sent`),
      h("span", { class: "when" }, "last 24 hours")));
}

function fact(name, ...words) {
  return [h("dt", {}, name), h("dd", {}, words)];
}

function card(report, remove) {
  const [tone, state] = LINKS[report.state] ?? ["idle", report.state];
  const time = (text) => text ? h("time", { datetime: text, title: exact(text) }, fromNow(text)) : "not yet";
  return h("li", { class: "card device" },
    h("div", { class: "top" },
      h("h2", {}, phone(report.device_id)), badge(tone, state)),
    !report.logged_in && h("p", { class: "advice" }, icon("warning"), "Messages do not cross. ",
      h("a", { href: "#/link" }, "Link it again"), "."),
    h("dl", {},
      fact("Last contact", time(report.last_contact_at)),
      fact("Linked", time(report.linked_at)),
      fact("Waiting", count(report.waiting, "message"))),
    chart(report.traffic),
    h("div", { class: "actions" },
      report.logged_in && h("a", { class: "button", href: `#/send?device=${report.device_id}` }, icon("send"), "Send a message"),
      remove && button("Unlink", { class: "button quiet danger", "data-device": report.device_id, onclick: remove })));
}

export function devices({ may, often }) {
  const list = h("ul", { class: "cards", "aria-busy": "true", "aria-label": "Devices" });
  const place = h("div", {}, list);
  const canWrite = may("devices:write:*");
  const add = () => canWrite && h("a", { class: "button primary", href: "#/link" }, icon("plus"), "Link a device");
  let shown;

  async function refresh() {
    const listed = await get("devices");
    const reports = await Promise.all(listed.map(({ device_id }) => get(`devices/${part(device_id)}`)));
    const text = JSON.stringify(reports) + Math.floor(Date.now() / 60000);
    // A page that did not change keeps the focus where it is.
    if (text === shown) return;
    shown = text;
    if (reports.length === 0) {
      return place.replaceChildren(empty("devices", "No device yet",
        "Link a phone, and each of its chats becomes a Matrix room that programs can write to as well.", add()));
    }
    const focused = document.activeElement?.dataset?.device;
    list.replaceChildren(...reports.map((report) => card(report, canWrite && ((event) => remove(event, report)))));
    list.removeAttribute("aria-busy");
    place.replaceChildren(list);
    if (focused) list.querySelector(`[data-device="${focused}"]`)?.focus();
  }

  async function remove(event, { device_id, platform }) {
    const sure = await confirmed(`Unlink ${phone(device_id)}?`,
      "Its messages stop crossing at once, and the phone forgets this device. The rooms stay.", "Unlink");
    if (!sure) return;
    await busy(event.target, undefined, async () => {
      await call("DELETE", "devices", { device_id, platform });
      say(`${phone(device_id)} is unlinked.`);
      await refresh();
    });
  }

  refresh().catch((error) => error.isOver || place.replaceChildren(h("p", { class: "alert", role: "alert" }, error.message)));
  often(5, refresh);
  return [
    heading("Devices", "Phones that are linked, and what crosses through them.", add()),
    place,
  ];
}
