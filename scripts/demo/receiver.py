"""The webhook receiver: takes deliveries and checks their Standard Webhooks signature by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from waiting import Journal

# The eleven keys of the guide's payload: the seven here, `media.content`, and the parts of `media.info`.
KEYS = {"id", "is_contact", "type", "from", "to", "message", "device_id", "media"}
INFO_KEYS = {"size", "mime_type", "width", "height", "blur_hash"}
TOLERANCE = 300


class Receiver:
    """Listens on loopback. Good deliveries go into the journal; bad ones are answered with 400 and kept apart."""

    def __init__(self, port):
        self.journal = Journal()
        self.bad = []
        self.secret = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                wrong = receiver.take(self.headers, body)
                self.send_response(400 if wrong else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers, body):
        """Checks one delivery; returns what is wrong with it."""
        wrong = wrong_signature(self.secret, headers, body) or wrong_payload(body)
        if wrong:
            self.bad.append(wrong)
        else:
            self.journal.add(json.loads(body))
        return wrong


def wrong_signature(secret, headers, body):
    """What is wrong with the signature, if anything (Standard Webhooks 1.0.0)."""
    if not secret:
        return "a delivery came before its webhook was made"
    delivery, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery or not stamp.isdigit():
        return "webhook-id or webhook-timestamp is missing"
    if abs(time.time() - int(stamp)) > TOLERANCE:
        return "webhook-timestamp is not now"
    key = base64.b64decode(secret[len("whsec_") :] if secret.startswith("whsec_") else secret)
    expected = hmac.new(key, f"{delivery}.{stamp}.".encode() + body, hashlib.sha256).digest()
    for signature in headers.get("webhook-signature", "").split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(base64.b64encode(expected).decode(), value):
            return None
    return "webhook-signature does not match"


def wrong_payload(body):
    """What is missing of the guide's payload, if anything."""
    try:
        payload = json.loads(body)
        missing = KEYS - payload.keys() | {"content", "info"} - payload["media"].keys()
        missing |= INFO_KEYS - payload["media"]["info"].keys()
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return f"the payload cannot be read: {error!r}"
    return f"the payload lacks {sorted(missing)}" if missing else None
