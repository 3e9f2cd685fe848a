// Tokens: handles on Matrix identities. A session works with one of them.

import { alertBox, badge, busy, button, check, confirmed, dialog, empty, field, h, heading, say, secretBox, table } from "./dom.js";
import { call, get } from "./api.js";
import { exact, fromNow } from "./words.js";

const time = (text, otherwise) => text ? h("time", { datetime: text, title: exact(text) }, fromNow(text)) : otherwise;

const attach = (body) => call("POST", "matrix-token", body);

/** Asks what the new token shall be, makes it, and shows it once. Resolves to whether one was made. */
function create({ may, reload }) {
  return dialog("Create a token", (close) => {
    const problem = alertBox();
    const members = field("Members", "Optional: Matrix users with commas between them, as @you:example.org. They are invited to the rooms and may write there.", (ties) =>
      h("input", { ...ties, name: "members", autocapitalize: "none", spellcheck: "false" }));
    const ends = field("Ends", "Optional. Without a time it works until you delete it.", (ties) => h("input", { ...ties, type: "datetime-local", name: "expires_at" }));
    const host = check("Share the devices and webhooks of the very first token", { name: "use_host" });
    const submit = button("Create token", { type: "submit", class: "button primary" });
    const form = h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, async () => {
          const value = (part) => part.querySelector("input").value;
          const body = {
            use_host: host.box.checked,
            members: value(members).split(",").map((name) => name.trim()).filter(Boolean),
            expires_at: value(ends) ? new Date(value(ends)).toISOString() : null,
          };
          const made = await call("POST", "tokens", body);
          form.replaceWith(
            h("p", {}, "Programs send it as a Bearer token. It is shown this once."),
            secretBox("Token", made.token),
            h("p", { class: "hint" }, `It acts as ${made.matrix_user_id}.`),
            h("div", { class: "actions" },
              button("Close", { onclick: () => close(true) }),
              button("Work with it now", {
                class: "button primary", autofocus: true,
                onclick: (event) => busy(event.target, undefined, async () => {
                  await attach({ token: made.token });
                  close(true);
                  say(`You work as ${made.matrix_user_id} now.`);
                  location.hash = "#/devices";
                  await reload();
                }),
              })));
        });
      },
    }, members, ends, may("*") && host.row, problem,
    h("div", { class: "actions" }, button("Cancel", { onclick: () => close(false) }), submit));
    return form;
  });
}

/** Works with a token that the credential made; the cookie alone does not open it. */
async function use(token, { session, reload }) {
  const done = await dialog(`Work as ${token.matrix_username}?`, (close) => {
    const problem = alertBox();
    const secret = field("Client secret", `Once more, of ${session.client_id}.`, (ties) =>
      h("input", { ...ties, name: "password", type: "password", autocomplete: "current-password", required: true }));
    const submit = button("Work as this user", { type: "submit", class: "button primary" });
    return h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, problem, async () => {
          await attach({ token_id: token.id, password: secret.querySelector("input").value });
          close(true);
        });
      },
    }, secret, problem,
    h("div", { class: "actions" }, button("Cancel", { onclick: () => close(false) }), submit));
  });
  if (!done) return;
  say(`You work as ${token.matrix_username} now.`);
  await reload();
}

const isOwn = (token, { session, may }) => token.client_id === session.client_id && may("tokens:write:create");

/** What stands on a page that needs a token while there is none. */
export function chooser(context) {
  const { may, reload } = context;
  const place = h("div", {});
  const problem = alertBox();
  const given = field("Or paste a token", undefined, (ties) =>
    h("input", { ...ties, name: "token", type: "password", autocomplete: "off", required: true, placeholder: "mt_…" }));
  const submit = button("Use it", { type: "submit" });
  const paste = h("form", {
    class: "card inline",
    onsubmit: (event) => {
      event.preventDefault();
      busy(submit, problem, async () => {
        await attach({ token: given.querySelector("input").value });
        await reload();
      });
    },
  }, given, submit, problem);
  const make = () => may("tokens:write:create") && button("Create a token", { class: "button primary", onclick: () => create(context) }, "plus");

  async function list() {
    const tokens = (await get("tokens")).filter((token) => isOwn(token, context));
    place.replaceChildren(tokens.length === 0
      ? empty("tokens", "No token yet", "Devices, webhooks and rooms belong to a Matrix user. A token is the handle on one.", make())
      : h("ul", { class: "card choices", "aria-label": "Your tokens" }, tokens.map((token) => h("li", {},
        h("span", {}, h("b", {}, token.matrix_username), h("span", { class: "hint" }, `Token ${token.id}, made `, time(token.created_at))),
        button("Work as this user", { "aria-label": `Work as ${token.matrix_username}`, onclick: () => use(token, context) })))));
  }
  if (may("tokens:read:*")) list().catch((error) => error.isOver || place.replaceChildren(h("p", { class: "alert", role: "alert" }, error.message)));
  else place.replaceChildren(make() || "");
  return [heading("Whom to work as?", "This page shows what belongs to one Matrix user. Choose the token that opens it."), place, paste];
}

export function tokens(context) {
  const { session, may, reload } = context;
  const place = h("div", { "aria-busy": "true" });

  function row(token) {
    const isUsed = token.id === session.token_id;
    return [
      h("span", {}, h("b", {}, token.matrix_username), " ", token.is_admin && badge("idle", "host"), isUsed && badge("good", "in use")),
      String(token.id),
      time(token.created_at),
      time(token.last_used_at, "never"),
      time(token.expires_at, "never"),
      h("div", { class: "actions" },
        !isUsed && isOwn(token, context) && button("Work as", { class: "button small", "aria-label": `Work as ${token.matrix_username}`, onclick: () => use(token, context) }),
        may("tokens:write:delete") && button("Delete", { class: "button small quiet danger", "aria-label": `Delete token ${token.id}`, onclick: (event) => remove(event, token) })),
    ];
  }

  async function refresh() {
    const list = await get("tokens");
    place.removeAttribute("aria-busy");
    place.replaceChildren(list.length === 0
      ? empty("tokens", "No token yet", "A token is the handle on a Matrix user, with devices and webhooks of its own.")
      : h("div", { class: "card" }, table("Tokens", ["Matrix user", "Id", "Created", "Last used", "Ends", "Action"], list.map(row))));
  }

  async function remove(event, token) {
    const sure = await confirmed(`Delete token ${token.id}?`,
      `It opens nothing any more. With the last token of ${token.matrix_username} its devices are unlinked and its webhooks removed.`, "Delete");
    if (!sure) return;
    await busy(event.target, undefined, async () => {
      await call("DELETE", `tokens/${token.id}`);
      say(`Token ${token.id} is deleted.`);
      if (token.id === session.token_id) await reload();
      else await refresh();
    });
  }

  refresh().catch((error) => error.isOver || place.replaceChildren(h("p", { class: "alert", role: "alert" }, error.message)));
  return [
    heading("Tokens", "Each opens one Matrix user, with its devices and webhooks.",
      may("tokens:write:create") && button("Create a token", {
        class: "button primary",
        onclick: () => create(context).then((made) => made && location.hash === "#/tokens" && refresh().catch(() => {})),
      }, "plus")),
    place,
  ];
}
