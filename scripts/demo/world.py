"""Everything that runs in the demo: starts it in order, stops it in order."""

from __future__ import annotations

from matrix import User
from place import SERVER_NAME, Place
from programs import Program
from receiver import Receiver
from rest import Rest
from waiting import until
from whatsapp import Simulator

USER = "alice"
# Numbers that belong to nobody.
PHONE = ("15550001111", "Alice")
# Who lives in the account and what they do; Ana is one of them.
SCENARIO = "tests/simulator/scenarios/harbour.toml"
ANA = ("15550002222", "Ana")


class World:
    """Synapse, the simulator, wharf, and the people around them."""

    def __init__(self, root, folder, programs):
        self.place = Place(root, folder, programs / "wharf")
        self.wharf = Program("wharf", programs / "wharf", self.place.folder)
        self.simulator_program = Program("simulator", programs / "simulator", self.place.folder)
        self.runs = self.synapse_runs = False
        self.user = None
        self.people = []

    def start(self, say):
        """Starts everything; `say` hears each thing that stands."""
        place = self.place
        place.occupy()
        self.runs = True
        self._stop_left_over()
        place.prepare()
        ports = place.state["ports"]
        self._start_synapse()
        say(f"Synapse answers at {place.address('synapse')}")
        self.simulator_program.start("--listen", f"127.0.0.1:{ports['simulator']}")
        self.simulator = Simulator(ports["simulator"])
        self.simulator_program.ready(self.simulator.state)
        self.ana = self.simulator.person(*ANA)
        say(f"the simulated WhatsApp answers at {self.simulator.address}")
        self.rest = Rest(place.address("wharf"), place.state["client_id"], place.state["client_secret"])
        self.start_wharf()
        say(f"wharf answers at {self.rest.address}")
        self._enter()

    def start_wharf(self):
        """Starts wharf and waits until it reaches its database and the homeserver."""
        self.wharf.start("--config", self.place.config, "run")
        self.wharf.ready(self.rest.ready)

    def stop(self):
        """Stops everything in order."""
        if self.user:
            self.user.stop()
        for program in (self.wharf, self.simulator_program):
            program.stop()
        if self.synapse_runs:
            self._synapse("stop", self.place.synapse)

    def link(self):
        """Links the phone by the QR code of the WebSocket; returns the code's length. Repeating it is fine.

        The simulator forgets everything when it stops, so at a second start the device that wharf knows is one the
        phone no longer has. Linking the same number again takes its place and keeps its rooms.
        """
        number, name = PHONE
        screen = self.rest.link()
        scanned = None
        for text in screen.texts():
            if text.startswith("Error:"):
                raise RuntimeError(f"the WebSocket says: {text}")
            if scanned is None:
                self.simulator.scan(number, name, text)
                scanned = text
        if scanned is None or screen.close_code != 1000:
            raise RuntimeError(f"the WebSocket closed with {screen.close_code}")
        until(lambda: {"platform": "wa", "device_id": number} in self.rest.devices(), "the device is listed")
        return len(scanned)

    def enliven(self):
        """The people of the scenario live in the account from now on; returns who and in which groups."""
        playing = self.simulator.play((self.place.root / SCENARIO).read_text())
        if playing["account"] != PHONE[0]:
            raise RuntimeError(f"the people of {SCENARIO} write to another account")
        self.people = [self.simulator.person(one["number"], one["name"]) for one in playing["people"]]
        return playing

    def ghost(self, person):
        """The Matrix user that shows a contact."""
        return f"@whatsapp_{person.number}:{SERVER_NAME}"

    def _stop_left_over(self):
        """What a killed demo left behind would hold the ports."""
        for program in (self.wharf, self.simulator_program):
            program.stop_left_over()
        if (self.place.synapse / "homeserver.yaml").exists():
            self._synapse("stop", self.place.synapse)

    def _start_synapse(self):
        place = self.place
        self._synapse("install")
        self._synapse(
            "configure", place.synapse, SERVER_NAME, place.state["ports"]["synapse"],
            place.registration, place.double_puppet,
        )  # fmt: skip
        self.synapse_runs = True
        self._synapse("start", place.synapse)
        self._synapse("user", place.synapse, USER, place.state["password"])

    def _synapse(self, *words):
        self.place.run(self.place.root / "scripts" / "synapse", *words)

    def _enter(self):
        """The user, a token that gives them a seat in the rooms, and the webhook."""
        place = self.place
        self.user = User(place.address("synapse"), USER, place.state["password"])
        self.user.follow()
        place.state["token"] = self.rest.ensure_token(place.state.get("token"), [self.user.id])
        place.save()
        self.receiver = Receiver(place.state["ports"]["receiver"])
        self.receiver.secret = self.rest.only_webhook(self.receiver.url)
