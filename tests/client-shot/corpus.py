# corpus.py HOMESERVER FOLDER: Ana sends everything of the corpus (tests/corpus): a room for each file of matrix/write, and rooms
# for what the messages of whatsapp become; writes names and ids of rooms.
import json, pathlib, struct, sys, urllib.request, uuid, zlib

homeserver, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def ask(method, path, body=None, token=None, mime="application/json"):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(homeserver + path, data=data, method=method, headers={"Content-Type": mime})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def login(name):
    identifier = {"type": "m.id.user", "user": name}
    wish = {"type": "m.login.password", "identifier": identifier, "password": "corpus"}
    return ask("POST", "/_matrix/client/v3/login", wish)["access_token"]


def picture(seed):
    """A PNG of 96 by 72 pixels of one colour."""
    colour = bytes((seed * 67 % 200 + 40, seed * 31 % 200 + 40, seed * 101 % 200 + 40))
    rows = zlib.compress((b"\0" + colour * 96) * 72)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 72, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


ana, alice = login("ana"), login("alice")
files = {}


def real(value):
    """The same content with files that exist."""
    if isinstance(value, dict):
        return {key: real(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [real(inner) for inner in value]
    if isinstance(value, str) and value.startswith("mxc://"):
        if value not in files:
            path = "/_matrix/media/v3/upload?filename=picture.png"
            files[value] = ask("POST", path, picture(len(files) + 1), ana, "image/png")["content_uri"]
        return files[value]
    return value


class Room:
    """A room with Ana and Alice, in which Ana says things."""

    def __init__(self, name):
        wish = {"name": name, "invite": ["@alice:hs.test"], "preset": "private_chat"}
        self.id = ask("POST", "/_matrix/client/v3/createRoom", wish, ana)["room_id"]
        ask("POST", f"/_matrix/client/v3/join/{self.id}", {}, alice)
        # What the corpus names is not here: the last event stands for it.
        self.last = None

    def put(self, path, content):
        return ask("PUT", f"/_matrix/client/v3/rooms/{self.id}/{path}", content, ana)

    def send(self, kind, content):
        return self.put(f"send/{kind}/{uuid.uuid4()}", content)["event_id"]

    def explains(self, words):
        return self.send("m.room.message", {"msgtype": "m.notice", "body": "⟶ " + words})

    def shows(self, event):
        if "redacts" in event:
            return self.last and self.put(f"redact/{self.last}/{uuid.uuid4()}", {})
        content = real(event["content"])
        if "state_key" in event:
            pinned = [self.last] if content["pinned"] and self.last else []
            return self.put(f"state/{event['type']}", {"pinned": pinned})
        relation = content.get("m.relates_to", {})
        for place in (relation, relation.get("m.in_reply_to", {})):
            if "event_id" in place and self.last:
                place["event_id"] = self.last
        sent = self.send(event["type"], content)
        if event["type"] in ("m.room.message", "m.sticker", POLL) and relation.get("rel_type") != "m.replace":
            self.last = sent


POLL = "org.matrix.msc3381.poll.start"
# So many messages of WhatsApp are seen at once.
AT_ONCE = 10

# What we write: one room for each file.
for file in sorted((folder / "matrix/write").glob("*.json")):
    room = Room(file.stem)
    for entry in json.loads(file.read_text()):
        if "edit" not in entry:
            room.explains(entry["about"])
        for event in entry["becomes"]:
            room.shows(event)
    print(file.stem, room.id)

# What WhatsApp's messages become: some in each room, after the message they are about.
files_there = sorted((folder / "whatsapp").glob("*.json"))
for start in range(0, len(files_there), AT_ONCE):
    name = f"whatsapp-{start // AT_ONCE + 1:02}"
    room = Room(name)
    for file in files_there[start : start + AT_ONCE]:
        message = json.loads(file.read_text())
        shown = room.explains(f"{file.stem}: {message['what']}")
        if "about" in message:
            about = json.loads((folder / f"whatsapp/{message['about']}.json").read_text())
            for event in about["events"]:
                room.shows(event)
        else:
            room.last = shown
        for event in message["events"]:
            room.shows(event)
    print(name, room.id)
