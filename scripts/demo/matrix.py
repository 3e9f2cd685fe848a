"""A real Matrix user: logs in, accepts invitations, reads what comes, writes."""

from __future__ import annotations

import threading
import urllib.parse
import uuid

from waiting import Journal
from web import Refused, call

FILTER = '{"presence":{"types":[]},"room":{"timeline":{"limit":100},"ephemeral":{"types":[]}}}'


class User:
    """Logged in with a password; a thread reads `/sync` and writes each message into the journal."""

    def __init__(self, homeserver, name, password):
        self.homeserver = homeserver
        self.journal = Journal()
        self.seen = set()
        self.names = {}
        self.rooms = {}
        self.stopped = threading.Event()
        login = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": name},
            "password": password,
            "device_id": "DEMO",
        }
        answer = call("POST", f"{homeserver}/_matrix/client/v3/login", login)
        self.id = answer["user_id"]
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def follow(self):
        """Starts to read; what was there before is not news."""
        first = self._sync(None, 0)
        for room, content in first["rooms"].get("join", {}).items():
            self._learn(room, content)
        for room in first["rooms"].get("invite", {}):
            self._join(room)
        threading.Thread(target=self._read, args=(first["next_batch"],), daemon=True).start()

    def stop(self):
        """Stops to read."""
        self.stopped.set()

    def event(self, room, event):
        """One event as the homeserver has it."""
        return self._call("GET", f"/rooms/{_quoted(room)}/event/{_quoted(event)}")

    def say(self, room, text, reply_to=None):
        """Writes a text; returns the event id."""
        content = {"msgtype": "m.text", "body": text}
        if reply_to:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        path = f"/rooms/{_quoted(room)}/send/m.room.message/{uuid.uuid4().hex}"
        return self._call("PUT", path, content)["event_id"]

    def name_of(self, user):
        """What a user is called."""
        return self.names.get(user, user)

    def _read(self, since):
        while not self.stopped.is_set():
            try:
                since = self._pass_on(self._sync(since, 10_000))
            except (Refused, OSError, ValueError):
                # The homeserver may be away for a moment; the same place is read again.
                self.stopped.wait(1)

    def _pass_on(self, sync):
        rooms = sync.get("rooms", {})
        for room in rooms.get("invite", {}):
            self._join(room)
        for room, content in rooms.get("join", {}).items():
            self._learn(room, content)
            for event in content["timeline"]["events"]:
                if event["type"] == "m.room.message" and event["event_id"] not in self.seen:
                    self.seen.add(event["event_id"])
                    self.journal.add({**event, "room_id": room})
        return sync["next_batch"]

    def _learn(self, room, content):
        for event in content.get("state", {}).get("events", []) + content["timeline"]["events"]:
            if event["type"] == "m.room.member" and event["content"].get("displayname"):
                self.names[event["state_key"]] = event["content"]["displayname"]
            if event["type"] == "m.room.name":
                self.rooms[room] = event["content"].get("name")

    def _join(self, room):
        self._call("POST", f"/join/{_quoted(room)}", {})

    def _sync(self, since, timeout):
        query = {"filter": FILTER, "timeout": timeout}
        if since:
            query["since"] = since
        sync = self._call("GET", f"/sync?{urllib.parse.urlencode(query)}")
        sync.setdefault("rooms", {})
        return sync

    def _call(self, method, path, body=None):
        return call(method, f"{self.homeserver}/_matrix/client/v3{path}", body, self.headers, timeout=60)


def _quoted(text):
    return urllib.parse.quote(text, safe="")
