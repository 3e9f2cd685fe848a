"""What a person needs beside a real wharf: called by `scripts/up` once the doors answer.

Makes a token (kept in a file), prints where everything is, and shows what crosses the bridge until it is stopped.
The words go to the terminal only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
import urllib.request
from pathlib import Path

from matrix import User
from rest import Rest
from web import Refused, opened

KINDS = {"incoming": "came from", "outgoing": "went to", "not_sent": "could not go to"}


def say(text):
    """One line for the person, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def arguments():
    """Where everything is. Secrets come by the environment: a list of processes shows arguments."""
    parser = argparse.ArgumentParser(prog="scripts/up")
    parser.add_argument("--address", required=True, help="where wharf answers on this machine")
    parser.add_argument("--public", help="where others reach it")
    parser.add_argument("--token", type=Path, required=True, help="the file that keeps the token")
    parser.add_argument("--bot", required=True, help="the bridge's bot")
    parser.add_argument("--homeserver", help="our own Synapse")
    parser.add_argument("--member", action="append", default=[], help="a Matrix user who sits in the token's rooms")
    return parser.parse_args()


def token_of(rest, path, members):
    """The token of the last time when it still works, else a new one; and whether it is new."""
    known = path.read_text(encoding="utf-8").strip() if path.exists() else None
    token = rest.ensure_token(known, members)
    if token != known:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(token + "\n")
    return token, token != known


def card(asked, credentials, token, is_new):
    """What a person needs."""
    address = (asked.public or asked.address).rstrip("/")
    if is_new:
        members = ", ".join(asked.member) or "none; name them: scripts/up @you:example.org"
    else:
        members = f"as when {asked.token} was made; delete it for others"
    lines = [
        "",
        f"  REST        {address}   (documentation: {address}/docs/index.html, console: {address}/admin)",
        f"              CLIENT_ID={credentials[0]}",
        f"              CLIENT_SECRET={credentials[1]}",
        f"              TOKEN={token}",
        f"              its members: {members}",
    ]
    if asked.homeserver:
        lines += [
            f"  Matrix      homeserver {asked.homeserver}, user @owner:localhost (owner), password {os.environ['PASSWORD']}",
        ]
    lines += [
        "  Link        on your phone: WhatsApp, Settings, Linked devices. Then",
        f"              in Matrix  start a direct chat with {asked.bot} and write: login qr",
        f"              by REST    curl {address}/api/v1/devices -H \"Authorization: Bearer {token}\" \\",
        "                           -H \"Content-Type: application/json\" -d '{\"platform\":\"wa\"}'",
        "                         and draw what the WebSocket in the answer says, or do it in the console",
        "",
        "  Read docs/known-limits.md first: WhatsApp does not welcome programs. Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)


def crossing(news):
    """One thing that crossed, as a line."""
    if "kind" not in news:
        return "WhatsApp  (some things passed too quickly to be shown)"
    kind, words = news["kind"], news.get("text") or f"({news.get('type')})"
    about = f": {news['error']}" if news.get("error") else ""
    if kind == "link":
        return f"WhatsApp  +{news['device_id']} is {news.get('link')}{about}"
    if kind == "delivery":
        return f"webhook   {news.get('url')}{about or ': delivered'}"
    return f"WhatsApp  {KINDS.get(kind, kind)} {news.get('chat')}: {words}{about}"


def watch_bridge(rest):
    """Shows what crosses of the devices that were linked with the token; asks again when wharf was away."""
    request = urllib.request.Request(
        f"{rest.api}/live?bodies=true", headers={"Authorization": f"Bearer {rest.token}", "Accept": "text/event-stream"}
    )
    while True:
        try:
            with opened(request, timeout=120) as answer:
                for line in answer:
                    if line.startswith(b"data:"):
                        say(crossing(json.loads(line[5:])))
        except (OSError, ValueError):
            time.sleep(2)


def watch_matrix(homeserver):
    """Shows what is said in the rooms of our own Synapse's user, and lets them into the rooms they are invited to."""
    user = User(homeserver, "owner", os.environ["PASSWORD"])
    user.follow()
    shown = 0
    while True:
        with user.journal.changed:
            user.journal.changed.wait_for(lambda: len(user.journal.entries) > shown, 1)
            news = user.journal.entries[shown:]
        for event in news:
            room = user.rooms.get(event["room_id"]) or event["room_id"]
            body = event["content"].get("body", "")
            # Codes are for the phone that scans them.
            if event["content"].get("msgtype") != "m.image" or not body.startswith("2@"):
                say(f"Matrix    {user.name_of(event['sender'])} in “{room}”: {body}")
        shown += len(news)


def main():
    """Until the shell that began this ends it, or is gone."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    asked = arguments()
    credentials = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
    rest = Rest(asked.address, *credentials)
    tasks = [lambda: watch_bridge(rest)]
    try:
        print(card(asked, credentials, *token_of(rest, asked.token, asked.member)), flush=True)
        if asked.homeserver:
            tasks.append(lambda: watch_matrix(asked.homeserver))
    except (OSError, Refused) as error:
        say(f"no token could be made ({error}); the lines above say what is wrong. Start scripts/up again then.")
        return
    for task in tasks:
        threading.Thread(target=task, daemon=True).start()
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)


main()
