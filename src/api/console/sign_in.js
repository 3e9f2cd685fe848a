// Signing in with a credential.

import { alertBox, busy, button, field, h } from "./dom.js";
import { call } from "./api.js";

export function signIn(done, notice) {
  const problem = alertBox();
  const name = field("Client ID", undefined, (ties) =>
    h("input", { ...ties, name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" }));
  const secret = field("Client secret", "The pair you set as CLIENT_ID and CLIENT_SECRET, or one made under Credentials.", (ties) =>
    h("input", { ...ties, name: "password", type: "password", autocomplete: "current-password", required: true }));
  const submit = button("Sign in", { type: "submit", class: "button primary wide" });
  const form = h("form", {
    class: "card sign-in",
    onsubmit: (event) => {
      event.preventDefault();
      busy(submit, problem, async () => {
        const value = (part) => part.querySelector("input").value;
        await call("POST", "login", { username: value(name), password: value(secret) });
        done();
      });
    },
  },
  h("h1", {}, "Sign in to wharf"),
  notice && h("p", { class: "hint" }, notice),
  problem, name, secret, submit);
  return h("main", { id: "main", class: "front", tabindex: "-1" },
    h("div", { class: "brand large" }, h("img", { src: "/admin/icon.svg", alt: "", width: "44", height: "44" }), h("span", {}, "wharf")),
    form,
    h("p", { class: "below" }, "Programs use the ", h("a", { href: "/docs/index.html" }, "REST API"), "."));
}
