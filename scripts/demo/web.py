"""JSON over HTTP, and the one WebSocket the demo reads. Standard library only."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """The other side answered with an error."""

    def __init__(self, status, body, what):
        super().__init__(f"{what} answered {status}: {json.dumps(body)[:300]}")
        self.status = status
        self.body = body


def call(method, url, body=None, headers=None, timeout=30):
    """One request; `body` is sent as JSON, or as it is when it is text. Returns the JSON answer."""
    headers = dict(headers or {})
    data = None
    if isinstance(body, str):
        data = body.encode()
        headers.setdefault("Content-Type", "text/plain")
    elif body is not None:
        data = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with opened(request, timeout) as answer:
            return _json(answer.read())
    except urllib.error.HTTPError as error:
        # Without the query: it may hold a token.
        raise Refused(error.code, _json(error.read()), f"{method} {url.split('?')[0]}") from None


def opened(request, timeout):
    """The answer to a request, to be read and closed.

    No certificate names the loopback address, and nobody stands in between there: it alone is not looked at.
    """
    parts = urllib.parse.urlsplit(request.full_url)
    context = None
    if parts.scheme == "https" and parts.hostname == "127.0.0.1":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return urllib.request.urlopen(request, timeout=timeout, context=context)


def _json(text):
    try:
        return json.loads(text or b"null")
    except ValueError:
        return text.decode(errors="replace")


class WebSocket:
    """A client that reads text frames (RFC 6455)."""

    TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

    def __init__(self, url, timeout=30):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port or 80), timeout)
        self.buffer = b""
        self.close_code = None
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                f"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status = head.split(b"\r\n")[0].decode()
        if " 101 " not in status + " ":
            raise ConnectionError(f"no WebSocket: {status}")

    def texts(self):
        """Every text frame until the other side closes; then `close_code` says how."""
        while True:
            opcode, payload = self._frame()
            if opcode == self.TEXT:
                yield payload.decode()
            elif opcode == self.PING:
                self._send(self.PONG, payload)
            elif opcode == self.CLOSE:
                self.close_code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                self._send(self.CLOSE, payload[:2])
                self.socket.close()
                return

    def _frame(self):
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        return first & 0x0F, self._take(length)

    def _send(self, opcode, payload):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _more(self):
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the WebSocket ended without a close frame")
        self.buffer += received
