"""The simulated WhatsApp: a phone and the people who write to it, moved through the simulator's control API."""

from __future__ import annotations

import urllib.parse

from waiting import until
from web import call


class Simulator:
    """The control API (`tests/simulator/README.md`)."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.socket = f"ws://127.0.0.1:{port}/ws/chat"

    def state(self):
        """Who is there, and which devices are linked."""
        return call("GET", f"{self.address}/admin/state")

    def scan(self, number, name, qr):
        """The phone scans a QR code."""
        query = urllib.parse.urlencode({"number": number, "name": name})
        call("POST", f"{self.address}/admin/mock-phone/scan-qr?{query}", qr)

    def play(self, scenario):
        """People live by a scenario; returns the account, the people and their groups."""
        return call("POST", f"{self.address}/admin/scenario", scenario)

    def reached(self, number, since=0):
        """What reached a phone, oldest first."""
        return call("GET", f"{self.address}/admin/phones/{number}/received?since={since}")["received"]

    def person(self, number, name):
        """A contact; the same one when it is there already."""
        call("POST", f"{self.address}/admin/contacts", {"number": number, "name": name})
        return Person(self, number, name)


class Person:
    """A contact of the phone."""

    def __init__(self, simulator, number, name):
        self.base = f"{simulator.address}/admin/contacts/{number}"
        self.number = number
        self.name = name

    def says(self, phone, text, reply_to=None):
        """Writes to the phone's account; returns the WhatsApp message id."""
        body = {"to": phone, "text": text}
        if reply_to:
            body["reply_to"] = reply_to
        return call("POST", f"{self.base}/say", body)["id"]

    def types(self, phone, composing):
        """Begins or stops typing."""
        call("POST", f"{self.base}/type", {"to": phone, "composing": composing})

    def reads(self, phone, ids):
        """Reads messages."""
        call("POST", f"{self.base}/read", {"from": phone, "ids": ids})

    def received(self, since=0):
        """What reached this person, oldest first."""
        return call("GET", f"{self.base}/received?since={since}")["received"]

    def waits_for(self, text, seconds=30):
        """The message with that text; it must have come once."""

        def find():
            return [message for message in self.received() if message["text"] == text]

        found = until(find, f"{self.name} receives the message", seconds)
        if len(found) != 1:
            raise AssertionError(f"{self.name} received the same message {len(found)} times")
        return found[0]
