"""wharf's REST API, as an application uses it."""

from __future__ import annotations

import base64
import urllib.parse

from web import Refused, WebSocket, call


class Rest:
    """Credentials for tokens, a token for everything else."""

    def __init__(self, address, client_id, client_secret):
        self.address = address
        self.api = f"{address}/api/v1"
        basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self.basic = {"Authorization": f"Basic {basic}"}
        self.token = None

    def ready(self):
        """Whether database and homeserver answer; raises while they do not."""
        return call("GET", f"{self.address}/readyz", timeout=10)

    def ensure_token(self, token, members):
        """Keeps a token that still works, else makes one whose identity has these members."""
        self.token = token
        if token:
            try:
                self.devices()
                return token
            except Refused as refused:
                if refused.status not in (401, 403):
                    raise
        body = {"use_host": False, "members": members}
        self.token = call("POST", f"{self.api}/tokens", body, self.basic)["token"]
        return self.token

    def devices(self):
        """The linked devices."""
        return self._call("GET", "/devices")

    def link(self):
        """Asks for a new device; returns the WebSocket that shows its QR codes."""
        return WebSocket(self._call("POST", "/devices", {"platform": "wa"})["qr_code_url"], timeout=60)

    def send(self, device, contact, text, reply_id=None):
        """Sends a text to a contact."""
        body = {"platform": "wa", "contact": contact, "text": text}
        if reply_id:
            body["reply_id"] = reply_id
        return self._call("POST", f"/devices/{urllib.parse.quote(device)}/message", body)

    def only_webhook(self, url):
        """Makes a webhook and takes all others away; returns the secret its deliveries are signed with."""
        for webhook in self._call("GET", "/webhooks"):
            self._call("DELETE", f"/webhooks/{webhook['id']}")
        return self._call("POST", "/webhooks", {"url": url})["secret"]

    def _call(self, method, path, body=None):
        return call(method, self.api + path, body, {"Authorization": f"Bearer {self.token}"})
