// The frame: who is signed in, which page is shown, and what every page is given.

import { busy, button, h, icon } from "./dom.js";
import { call, get, onceTold } from "./api.js";
import { signIn } from "./sign_in.js";
import { devices } from "./devices.js";
import { link } from "./link.js";
import { send } from "./send.js";
import { webhooks } from "./webhooks.js";
import { live } from "./live.js";
import { chooser, tokens } from "./tokens.js";
import { credentials } from "./credentials.js";

const PAGES = {
  devices: { title: "Devices", show: devices, needsToken: true },
  send: { title: "Send", show: send, needsToken: true },
  webhooks: { title: "Webhooks", show: webhooks, needsToken: true },
  live: { title: "Live", show: live, needsToken: true },
  tokens: { title: "Tokens", show: tokens, scope: "tokens:read:*" },
  credentials: { title: "Credentials", show: credentials, scope: "credentials:read:*" },
};
const LINK = { title: "Link a device", show: link, needsToken: true, under: "devices" };

const place = document.getElementById("page");
let session;
let leave = [];

/** Whether the credential may do that. As the server compares: `tokens:*` covers `tokens:read:*`. */
function may(scope) {
  return session.scopes.some((held) =>
    held === "*" || held === scope || (held.endsWith(":*") && scope.startsWith(held.slice(0, -1))));
}

function wanted() {
  const [name, query] = location.hash.replace(/^#\//, "").split("?");
  const page = name === "link" ? LINK : PAGES[name];
  if (page && (!page.scope || may(page.scope))) return { name, page, query: new URLSearchParams(query) };
  return { name: "devices", page: PAGES.devices, query: new URLSearchParams() };
}

/** What a page undoes when it is left. */
const onLeave = (deed) => leave.push(deed);

/** Does something now and again until the page is left; not while nobody looks. */
function often(seconds, deed) {
  const once = () => document.hidden || deed().catch(() => {});
  const timer = setInterval(once, seconds * 1000);
  onLeave(() => clearInterval(timer));
}

function clear() {
  for (const deed of leave.splice(0)) deed();
}

function navigation(current) {
  const items = Object.entries(PAGES).filter(([, page]) => !page.scope || may(page.scope));
  return h("nav", { "aria-label": "Main" }, h("ul", {}, items.map(([name, page]) =>
    h("li", {}, h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : undefined },
      icon(name), h("span", {}, page.title))))));
}

function account() {
  const out = button("Sign out", {
    class: "button quiet",
    onclick: () => busy(out, undefined, async () => {
      await call("POST", "logout");
      front("You are signed out.");
    }),
  }, "out");
  const works = session.user
    ? h("a", { class: "identity", href: "#/tokens", title: "Change" }, h("span", {}, "Working as"), h("b", {}, session.user))
    : h("span", { class: "identity" }, h("span", {}, "No token chosen"));
  return h("div", { class: "account" }, works, h("p", {}, "Signed in as ", session.client_id), out);
}

/** Draws the frame and the page that the address names. */
async function show(takeFocus) {
  clear();
  const { name, page, query } = wanted();
  const main = h("main", { id: "main", tabindex: "-1" });
  place.className = "frame";
  place.replaceChildren(
    h("div", { class: "side" },
      h("div", { class: "brand" }, h("img", { src: "/admin/icon.svg", alt: "", width: "30", height: "30" }), h("span", {}, "wharf")),
      navigation(page.under ?? name),
      account()),
    main);
  document.title = `${page.title} · wharf`;
  const context = { session, may, onLeave, often, query, reload: () => refresh(true) };
  const content = page.needsToken && !session.has_matrix_token ? chooser(context) : page.show(context);
  main.replaceChildren(h("div", { class: "inner" }, content));
  if (takeFocus) main.querySelector("h1")?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** Which Matrix user the session works as, when the list of tokens may tell. */
async function userOf(tokenId) {
  if (!tokenId || !may("tokens:read:*")) return tokenId ? `token ${tokenId}` : undefined;
  const found = (await get("tokens")).find((token) => token.id === tokenId);
  return found?.matrix_username ?? `token ${tokenId}`;
}

/** Asks who is signed in and shows the page. */
async function refresh(takeFocus) {
  session = await get("session");
  session.user = await userOf(session.token_id);
  await show(takeFocus);
}

function front(notice) {
  clear();
  session = undefined;
  document.title = "Sign in · wharf";
  place.className = "";
  place.replaceChildren(signIn(() => refresh(true).catch(failed), notice));
  place.querySelector("input").focus();
}

function failed(error) {
  if (error.isOver) return;
  place.className = "";
  place.replaceChildren(h("main", { id: "main", class: "front" },
    h("div", { class: "card" }, h("h1", {}, "Something went wrong"), h("p", { role: "alert" }, error.message),
      button("Try again", { class: "button primary", onclick: () => location.reload() }))));
}

onceTold({
  over: () => front(session && "Your session is over. Sign in again."),
  tokenless: () => {
    session.has_matrix_token = false;
    session.user = undefined;
    show(true);
  },
});
addEventListener("hashchange", () => {
  // The link that skips to the content has an address too.
  if (session && (location.hash === "" || location.hash.startsWith("#/"))) show(true);
});
refresh(false).catch(failed);
