// Credentials: who may make tokens, and what else they may do.

import { alertBox, badge, busy, button, check, confirmed, dialog, empty, field, h, heading, say, secretBox, table } from "./dom.js";
import { call, get, part } from "./api.js";
import { exact, fromNow } from "./words.js";

const KNOWN = [
  ["tokens:write:create", "Create tokens"],
  ["tokens:read:*", "See its tokens"],
  ["tokens:write:delete", "Delete its tokens"],
  ["devices:*", "Devices"],
  ["webhooks:*", "Webhooks"],
  ["credentials:read:*", "See all credentials"],
  ["credentials:write:*", "Change all credentials"],
];

const DEFAULTS = KNOWN.slice(0, 5).map(([scope]) => scope);

const shownOnce = (title, words, secret) => dialog(title, (close) => [
  h("p", {}, words),
  secretBox("Client secret", secret),
  h("div", { class: "actions" }, button("Done", { class: "button primary", onclick: () => close() })),
]);

function create() {
  return dialog("Create a credential", (close) => {
    const problem = alertBox();
    const name = field("Client ID", "The name of an application, without a colon.", (ties) =>
      h("input", { ...ties, name: "client_id", required: true, maxlength: 128, autocapitalize: "none", spellcheck: "false", autocomplete: "off" }));
    const description = field("Description", undefined, (ties) => h("input", { ...ties, name: "description" }));
    const submit = button("Create credential", { type: "submit", class: "button primary" });
    const value = (part) => part.querySelector("input").value;
    return h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, async () => close(await call("POST", "credentials", { client_id: value(name), description: value(description) })));
      },
    }, name, description, problem, h("div", { class: "actions" }, button("Cancel", { onclick: () => close() }), submit));
  });
}

function edit(credential) {
  return dialog(`Change ${credential.client_id}`, (close) => {
    const problem = alertBox();
    const isAdmin = credential.role === "super_admin";
    const description = field("Description", undefined, (ties) => h("input", { ...ties, name: "description", value: credential.description }));
    const active = check("Active: it and its tokens work", { name: "active", checked: credential.active });
    // An empty list stands for the defaults as long as nobody set one.
    const held = credential.scopes.length === 0 && !credential.without_scopes ? DEFAULTS : credential.scopes;
    const boxes = KNOWN.map(([scope, words]) => ({ scope, ...check(words, { name: "scope", value: scope, checked: held.includes(scope) }) }));
    const other = field("Other scopes", "Commas between several, as tokens:read:*.", (ties) =>
      h("input", { ...ties, name: "other", autocapitalize: "none", spellcheck: "false", value: held.filter((scope) => !KNOWN.some(([known]) => known === scope)).join(", ") }));
    const submit = button("Save", { type: "submit", class: "button primary" });
    return h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, async () => {
          const change = { description: description.querySelector("input").value };
          if (!isAdmin) {
            change.active = active.box.checked;
            const scopes = boxes.filter(({ box }) => box.checked).map(({ scope }) => scope);
            scopes.push(...other.querySelector("input").value.split(",").map((scope) => scope.trim()).filter(Boolean));
            if (scopes.join() !== held.join()) change.scopes = scopes;
          }
          await call("PUT", `credentials/${part(credential.client_id)}`, change);
          close(true);
        });
      },
    }, description, isAdmin
      ? h("p", { class: "hint" }, "Secret, scopes and state of the super admin come from the settings.")
      : [active.row, h("fieldset", { class: "scopes" }, h("legend", {}, "What it may do"), boxes.map(({ row }) => row)), other],
    problem, h("div", { class: "actions" }, button("Cancel", { onclick: () => close() }), submit));
  });
}

export function credentials({ may }) {
  const place = h("div", { "aria-busy": "true" });
  const canWrite = may("credentials:write:*");
  const fail = (error) => error.isOver || place.replaceChildren(h("p", { class: "alert", role: "alert" }, error.message));

  function row(credential) {
    const { client_id, role, scopes, active, without_scopes } = credential;
    const name = h("span", {}, h("b", {}, client_id), " ", role === "super_admin" && badge("idle", "super admin"),
      credential.description && h("span", { class: "hint" }, credential.description));
    const isAdmin = role === "super_admin";
    const held = isAdmin ? ["*"] : scopes;
    return [
      name,
      badge(...(active ? ["good", "Active"] : ["bad", "Off"])),
      held.length === 0 ? h("span", { class: "hint" }, without_scopes ? "none" : "defaults") : h("span", { class: "chips" }, held.map((scope) => h("code", {}, scope))),
      h("time", { datetime: credential.created_at, title: exact(credential.created_at) }, fromNow(credential.created_at)),
      canWrite ? h("div", { class: "actions" },
        button("Change", { class: "button small", "aria-label": `Change ${client_id}`, onclick: () => edit(credential).then((done) => done && changed(`${client_id} is changed.`)) }),
        !isAdmin && button("New secret", { class: "button small quiet", "aria-label": `New secret for ${client_id}`, onclick: (event) => renew(event, client_id) }),
        !isAdmin && button("Delete", { class: "button small quiet danger", "aria-label": `Delete ${client_id}`, onclick: (event) => remove(event, client_id) })) : "",
    ];
  }

  async function refresh() {
    const list = await get("credentials");
    place.removeAttribute("aria-busy");
    place.replaceChildren(list.length === 0
      ? empty("credentials", "No credential", "There is always one while you can see this.")
      : h("div", { class: "card" }, table("Credentials", ["Client ID", "State", "Scopes", "Created", "Action"], list.map(row))));
  }

  const changed = (words) => {
    say(words);
    return refresh().catch(fail);
  };

  async function renew(event, client_id) {
    const sure = await confirmed(`A new secret for ${client_id}?`, "The old one stops working at once, and who is signed in with it is signed out. Tokens stay.", "Make a new secret");
    if (!sure) return;
    await busy(event.target, undefined, async () => {
      const { client_secret } = await call("PUT", `credentials/${part(client_id)}`, { regenerate_secret: true });
      await shownOnce("The new secret", "It is shown this once.", client_secret);
    });
  }

  async function remove(event, client_id) {
    const sure = await confirmed(`Delete ${client_id}?`, "All tokens it made are deleted with it; devices that no other token opens are unlinked.", "Delete");
    if (!sure) return;
    await busy(event.target, undefined, async () => {
      await call("DELETE", `credentials/${part(client_id)}`);
      await changed(`${client_id} is deleted.`);
    });
  }

  async function add() {
    const made = await create();
    if (!made) return;
    await shownOnce(`${made.credential.client_id} is created`, "Give this secret to the application. It is shown this once.", made.client_secret);
    await refresh().catch(fail);
  }

  refresh().catch(fail);
  return [
    heading("Credentials", "Applications that may make tokens, and what else they may do.",
      canWrite && button("Create a credential", { class: "button primary", onclick: add }, "plus")),
    place,
  ];
}
