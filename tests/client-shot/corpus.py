# corpus.py HOMESERVER FOLDER: Ana sends everything of the corpus into one room for each file; writes names and ids of rooms.
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


for file in sorted(folder.glob("*.json")):
    wish = {"name": file.stem, "invite": ["@alice:hs.test"], "preset": "private_chat"}
    room = ask("POST", "/_matrix/client/v3/createRoom", wish, ana)["room_id"]
    ask("POST", f"/_matrix/client/v3/join/{room}", {}, alice)
    send = lambda kind, content: ask("PUT", f"/_matrix/client/v3/rooms/{room}/send/{kind}/{uuid.uuid4()}", content, ana)["event_id"]
    last = None
    for entry in json.loads(file.read_text()):
        if "edit" not in entry:
            send("m.room.message", {"msgtype": "m.notice", "body": "⟶ " + entry["about"]})
        for event in entry["becomes"]:
            content = real(event["content"])
            relation = content.get("m.relates_to", {})
            # What the corpus names is not here: the last event stands for it.
            for place in (relation, relation.get("m.in_reply_to", {})):
                if "event_id" in place and last:
                    place["event_id"] = last
            sent = send(event["type"], content)
            if event["type"] == "m.room.message" and relation.get("rel_type") != "m.replace":
                last = sent
    print(file.stem, room)
