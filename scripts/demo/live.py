"""The lively demo: everything that crosses the bridge is shown. What people do stands in the scenario."""

from __future__ import annotations

import threading

from web import Refused
from world import PHONE, SCENARIO, USER


class Live:
    """Threads that watch until they are told to stop."""

    def __init__(self, world, say):
        self.world = world
        self.say = say
        self.stopped = threading.Event()

    def start(self):
        """Starts them all."""
        names = {person.number: person.name for person in self.world.people}
        tasks = [self._watch_matrix, self._watch_webhook, lambda: self._keep(self._people_write, names)]
        tasks += [lambda person=person: self._keep(self._person_hears, person) for person in self.world.people]
        for task in tasks:
            threading.Thread(target=task, daemon=True).start()

    def stop(self):
        """Lets them end."""
        self.stopped.set()

    def _keep(self, task, about):
        """The simulator may be slow or gone for a moment; then it is asked again."""
        while not self.stopped.is_set():
            try:
                task(about)
            except (OSError, Refused):
                self.stopped.wait(2)

    def _people_write(self, names):
        """Shows what reaches the phone."""
        count = len(self.world.simulator.reached(PHONE[0]))
        while not self.stopped.wait(0.5):
            for message in self.world.simulator.reached(PHONE[0], count):
                count += 1
                # Copies of what the account writes itself are shown where they arrive.
                if message["from"] in names:
                    self.say(f"WhatsApp  {names[message['from']]} writes{_where(message)}: {_words(message)}")

    def _person_hears(self, person):
        """Shows what the account tells somebody; the scenario answers."""
        count = len(person.received())
        while not self.stopped.wait(0.5):
            for message in person.received(count):
                count += 1
                if message["from"] == PHONE[0]:
                    quote = f" (answers: {message['quoted_text']})" if message["quoted_id"] else ""
                    self.say(f"WhatsApp  {person.name} gets{_where(message)}: {_words(message)}{quote}")

    def _watch_matrix(self):
        self._watch(self.world.user.journal, self._show_event)

    def _watch_webhook(self):
        self._watch(self.world.receiver.journal, self._show_delivery)

    def _watch(self, journal, show):
        shown = 0
        while not self.stopped.is_set():
            with journal.changed:
                journal.changed.wait_for(lambda: len(journal.entries) > shown, 0.5)
                news = journal.entries[shown:]
            for entry in news:
                show(entry)
            shown += len(news)

    def _show_event(self, event):
        user = self.world.user
        room = user.rooms.get(event["room_id"]) or event["room_id"]
        self.say(f"Matrix    {user.name_of(event['sender'])} in “{room}”: {event['content'].get('body', '')}")

    def _show_delivery(self, payload):
        self.say(f"webhook   from {payload['from']}: {payload['message']}")


def _where(message):
    return " in the group" if message["chat"] else ""


def _words(message):
    return message["text"] or f"({message['kind']})"


def card(world):
    """What a person needs to look around."""
    place, rest, ana = world.place, world.rest, world.ana
    state = place.state
    return f"""
  REST        {rest.address}   (documentation: {rest.address}/docs/index.html)
              CLIENT_ID={state['client_id']}
              CLIENT_SECRET={state['client_secret']}
              TOKEN={state['token']}
  Matrix      homeserver {place.address('synapse')}, user {world.user.id} ({USER}), password {state['password']}
              any Matrix client; a direct chat with @whatsappbot:localhost understands “help”
  WhatsApp    the simulated phone +{PHONE[0]}; people: {', '.join(f'{p.name} +{p.number}' for p in world.people)}
              what they do: {SCENARIO}; control: {world.simulator.address}/admin/state
  Files       {place.folder} (logs in logs/)

  Try         curl {rest.api}/devices/{PHONE[0]}/message -H "Authorization: Bearer {state['token']}" \\
                -H "Content-Type: application/json" -d '{{"platform":"wa","contact":"+{ana.number}","text":"Hello Ana"}}'

  Ctrl-C stops everything.
"""
