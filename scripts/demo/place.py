"""The demo's folder: ports, secrets and settings, made once and used again at the next start."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import secrets
import socket
import subprocess
from pathlib import Path

from programs import environment

SERVER_NAME = "localhost"
FIRST_CHOICE = {"wharf": 8080, "synapse": 8008, "simulator": 7080, "receiver": 9080}


class Occupied(Exception):
    """Another demo uses the folder."""


class Place:
    """A folder under `data/`."""

    def __init__(self, root, folder, wharf):
        self.root = Path(root)
        self.folder = Path(folder).resolve()
        self.wharf = Path(wharf)
        self.config = self.folder / "config.toml"
        self.registration = self.folder / "registration.yaml"
        self.double_puppet = self.folder / "registration-doublepuppet.yaml"
        self.synapse = self.folder / "synapse"
        self.state_file = self.folder / "state.json"
        self.state = {}

    def occupy(self):
        """One demo at a time in one folder."""
        os.umask(0o077)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / "lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Occupied(f"a demo is running in {self.folder} already") from None

    def prepare(self):
        """Chooses what is not chosen yet, and writes every file the programs read."""
        if self.state_file.exists():
            self.state = json.loads(self.state_file.read_text())
        self._choose_ports()
        self._choose_secrets()
        self._write_config()
        self._write_registration()
        self.save()

    def save(self):
        """Keeps the state for the next start."""
        new = self.state_file.with_suffix(".new")
        new.write_text(json.dumps(self.state, indent=1))
        new.replace(self.state_file)

    def address(self, name):
        """Where a program listens."""
        return f"http://127.0.0.1:{self.state['ports'][name]}"

    def run(self, *command, env=None):
        """Runs a short command; its words are shown only when it fails."""
        command = [str(word) for word in command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.root, env=env)
        if done.returncode != 0:
            raise RuntimeError(f"{Path(command[0]).name} {command[1]}: {(done.stderr or done.stdout).strip()}")

    def _choose_ports(self):
        chosen = self.state.setdefault("ports", {})
        for name, first in FIRST_CHOICE.items():
            chosen[name] = free_port([chosen.get(name, first), 0])

    def _choose_secrets(self):
        for name, make in {
            "client_id": lambda: secrets.token_hex(16),
            "client_secret": lambda: secrets.token_hex(32),
            "hash_key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
            "password": lambda: secrets.token_urlsafe(12),
        }.items():
            self.state.setdefault(name, make())

    def _write_config(self):
        simulator = self.state["ports"]["simulator"]
        self.config.write_text(
            f"""# Written anew at every start of the demo. All keys: config.example.toml.
[server]
host = "127.0.0.1"
port = {self.state["ports"]["wharf"]}

[database]
url = "sqlite:{self.folder}/wharf.db"

[homeserver]
address = "{self.address("synapse")}"
server_name = "{SERVER_NAME}"
registration = "{self.registration}"
double_puppet_registration = "{self.double_puppet}"

[whatsapp]
url = "ws://127.0.0.1:{simulator}/ws/chat"
media_url = "http://127.0.0.1:{simulator}"

[webhook]
allow_loopback = true

[access]
client_id = "{self.state["client_id"]}"
client_secret = "{self.state["client_secret"]}"
hash_key = "{self.state["hash_key"]}"
"""
        )

    def _write_registration(self):
        """The tokens stay; the address follows the port."""
        if not (self.registration.exists() and self.double_puppet.exists()):
            for file in (self.registration, self.double_puppet):
                file.unlink(missing_ok=True)
            self.run(
                self.wharf, "--config", self.config, "registration",
                "--output", self.registration, "--double-puppet", self.double_puppet, env=environment(),
            )  # fmt: skip
        text = self.registration.read_text()
        self.registration.write_text(re.sub(r"(?m)^url: .*$", f"url: {self.address('wharf')}", text))


def free_port(choices):
    """The first of these ports that nobody listens on; 0 stands for any."""
    for port in choices:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RuntimeError("no free port")
