// Linking a device: a QR code that changes by itself, or a code that is typed into the phone.

import { alertBox, busy, button, field, h, heading, icon, say, secretBox, svg } from "./dom.js";
import { call, follow } from "./api.js";
import { phone } from "./words.js";

const STEPS = {
  qr: ["On the phone, open WhatsApp.", "Go to Settings, then Linked devices.", "Tap Link a device and point the camera at the code."],
  code: ["On the phone, open WhatsApp.", "Go to Settings, then Linked devices.", "Tap Link a device, then Link with phone number instead.", "Type the code that is shown here."],
  // Browsers give the passkeys of WhatsApp to pages of WhatsApp only.
  passkey: ["In a browser on a device that has the passkey, open https://web.whatsapp.com.", "Open its console: F12, then Console.", "Copy the line below, paste it there and press Enter.", "Confirm with the passkey, and copy what the console answers into Answer."],
  compare: ["Look at the phone: it shows a code too.", "If both are the same, it is your phone that is being linked. If not, stop."],
};

/** The picture of a code, always dark on light: cameras do not read it the other way round. */
function picture({ size, path }) {
  const border = 4;
  const side = size + 2 * border;
  return svg("svg", { class: "qr", viewBox: `${-border} ${-border} ${side} ${side}`, role: "img",
    "aria-label": "QR code to scan with WhatsApp", "shape-rendering": "crispEdges" },
  svg("rect", { x: -border, y: -border, width: side, height: side, fill: "#fff" }),
  svg("path", { d: path, fill: "#000" }));
}

export function link({ onLeave }) {
  const status = h("p", { class: "status", role: "status", "aria-live": "polite" });
  const board = h("div", { class: "board" });
  const steps = h("ol", { class: "steps" });
  const problem = alertBox();
  const form = h("div", {});
  let stop = () => {};
  let runs = false;
  let turn = 0;
  let left = false;

  function end(words, tone) {
    stop();
    runs = false;
    if (form.dataset.asks) {
      form.replaceChildren();
      explain(mode);
    }
    board.replaceChildren(h("div", { class: `ended ${tone}` }, button("Start again", { class: "button primary", onclick: () => begin(mode) })));
    status.textContent = words;
  }

  function explain(wanted) {
    steps.replaceChildren(...STEPS[wanted].map((words) => h("li", {}, words)));
  }

  /** WhatsApp wants a passkey: shows how to answer, and takes the answer. */
  function askForPasskey({ line }) {
    explain("passkey");
    form.dataset.asks = "passkey";
    board.replaceChildren(icon("tokens"));
    status.textContent = "WhatsApp asks for the passkey of this account. It waits two minutes.";
    const answer = field("Answer", undefined, (ties) =>
      h("textarea", { ...ties, name: "answer", rows: "3", required: true, autocapitalize: "none", autocomplete: "off", spellcheck: "false" }));
    const submit = button("Send answer", { type: "submit", class: "button primary" });
    form.replaceChildren(h("form", {
      class: "stack",
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, () => call("POST", "devices/linking/passkey", { answer: answer.querySelector("textarea").value }));
      },
    }, secretBox("Line for the console", line), answer, h("div", { class: "actions" }, submit)));
  }

  /** Both sides show a code: a person says whether they are the same. */
  function compare(code) {
    explain("compare");
    form.dataset.asks = "code";
    problem.hidden = true;
    board.replaceChildren(h("p", { class: "code", "aria-label": [...code].join(" ") }, code));
    status.textContent = "Does the phone show this code?";
    const same = button("Yes, the same", { class: "button primary", onclick: () => busy(same, problem, () => call("POST", "devices/linking/confirm")) });
    const other = button("No, stop", { onclick: () => busy(other, problem, () => call("DELETE", "devices/linking")) });
    form.replaceChildren(h("div", { class: "actions" }, same, other));
  }

  function take(step) {
    switch (step.step) {
      case "waiting":
        status.textContent = "Asking WhatsApp for a code…";
        return;
      case "qr": {
        const first = !board.querySelector(".qr");
        board.replaceChildren(picture(step.qr));
        // Said once: a reader would be told every twenty seconds otherwise.
        if (first) status.textContent = "Scan this code. It renews itself.";
        return;
      }
      case "code":
        board.replaceChildren(h("p", { class: "code", "aria-label": [...step.code].join(" ") }, step.code));
        status.textContent = "Type this code into the phone.";
        return;
      case "passkey":
        askForPasskey(step.passkey);
        return;
      case "compare":
        compare(step.code);
        return;
      case "linked":
        stop();
        runs = false;
        say(`${phone(step.device_id)} is linked.`);
        location.hash = "#/devices";
        return;
      default:
        end(step.error, "bad");
    }
  }

  async function start(body) {
    const mine = ++turn;
    await cancel();
    status.textContent = "Asking WhatsApp for a code…";
    await call("POST", "devices", { platform: "wa", ...body });
    // The page was left, or the other way was chosen, meanwhile; another attempt takes the place of this one by itself.
    if (mine !== turn) {
      if (left) await call("DELETE", "devices/linking");
      return;
    }
    runs = true;
    stop = follow("devices/linking", { step: take }, (state) => state === "closed" && runs && end("The connection was lost.", "bad"));
  }

  async function cancel() {
    stop();
    if (runs) {
      runs = false;
      await call("DELETE", "devices/linking");
    }
  }

  const ways = [["qr", "Scan a QR code"], ["code", "Type a code"]].map(([value, words]) => {
    const box = h("input", { type: "radio", name: "way", value, checked: value === "qr", onchange: () => begin(value) });
    return h("label", {}, box, h("span", {}, words));
  });
  let mode;

  function begin(wanted) {
    mode = wanted;
    problem.hidden = true;
    status.textContent = "";
    explain(mode);
    delete form.dataset.asks;
    form.replaceChildren();
    if (mode === "qr") {
      board.replaceChildren(h("div", { class: "loading" }));
      start({}).catch((error) => error.isOver || end(error.message, "bad"));
      return;
    }
    turn += 1;
    cancel().catch(() => {});
    board.replaceChildren(h("p", { class: "code faint", "aria-hidden": "true" }, "····-····"));
    const number = field("Number of the phone", "With its country, as +1 555 000 1111.", (ties) =>
      h("input", { ...ties, type: "tel", name: "phone", autocomplete: "tel", required: true }));
    const submit = button("Get a code", { type: "submit", class: "button primary" });
    form.replaceChildren(h("form", {
      class: "inline",
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, () => start({ phone: number.querySelector("input").value }));
      },
    }, number, submit));
  }

  onLeave(() => {
    turn += 1;
    left = true;
    cancel().catch(() => {});
  });
  begin("qr");
  return [
    heading("Link a device", "wharf becomes one of the phone's linked devices, as a browser with WhatsApp Web does."),
    h("div", { class: "card linking" },
      h("div", { class: "words" },
        h("fieldset", { class: "ways" }, h("legend", { class: "unseen" }, "How to link"), ways),
        steps, problem, form),
      h("div", { class: "show" }, board, status)),
    h("p", {}, h("a", { href: "#/devices" }, "Back to the devices")),
  ];
}
