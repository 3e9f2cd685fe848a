"""The lively demo: people write now and then and answer, and everything that crosses the bridge is shown."""

from __future__ import annotations

import random
import threading

from web import Refused
from world import PHONE, USER

OPENINGS = {
    "Ana": ["The ferry is late again.", "Coffee at the pier?", "I found your blue umbrella.", "Look at that sky!"],
    "Ben": ["Crane three works again.", "Two containers for you, where to?", "Lunch at one?", "Fog until noon, they say."],
    "Chioma": ["The invoice is out.", "Can you check the tide table?", "Meeting moved to four.", "Nice work yesterday!"],
}
ANSWERS = ["Sounds good.", "Ha, of course.", "On my way.", "Let me check.", "Thank you!", "Why not tomorrow?"]
PAUSE = (8, 25)


class Live:
    """Threads that write, answer and watch until they are told to stop."""

    def __init__(self, world, say):
        self.world = world
        self.say = say
        self.stopped = threading.Event()

    def start(self):
        """Starts them all."""
        for person in self.world.people:
            for task in (self._writes, self._answers):
                threading.Thread(target=self._keep, args=(task, person), daemon=True).start()
        for task in (self._watch_matrix, self._watch_webhook):
            threading.Thread(target=task, daemon=True).start()

    def stop(self):
        """Lets them end."""
        self.stopped.set()

    def _keep(self, task, person):
        """The simulator may be slow or gone for a moment; people try again."""
        while not self.stopped.is_set():
            try:
                task(person)
            except (OSError, Refused):
                self.stopped.wait(2)

    def _writes(self, person):
        lines = random.sample(OPENINGS[person.name], len(OPENINGS[person.name]))
        self.stopped.wait(random.uniform(1, 6))
        while not self.stopped.is_set():
            text = lines.pop(0)
            lines.append(text)
            person.types(PHONE[0], True)
            if self.stopped.wait(random.uniform(1, 3)):
                return
            person.says(PHONE[0], text)
            self.say(f"WhatsApp  {person.name} writes: {text}")
            self.stopped.wait(random.uniform(*PAUSE))

    def _answers(self, person):
        """Shows what reaches the person, reads it, and answers now and then with a quote."""
        count = len(person.received())
        while not self.stopped.wait(0.5):
            for message in person.received(count):
                count += 1
                quote = f" (answers: {message['quoted_text']})" if message["quoted_id"] else ""
                self.say(f"WhatsApp  {person.name} gets: {message['text']}{quote}")
                person.reads(PHONE[0], [message["id"]])
                if random.random() < 0.7:
                    person.types(PHONE[0], True)
                    self.stopped.wait(2)
                    answer = random.choice(ANSWERS)
                    person.says(PHONE[0], answer, reply_to=message["id"])
                    self.say(f"WhatsApp  {person.name} answers: {answer}")

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


def card(world):
    """What a person needs to look around."""
    place, rest, ana = world.place, world.rest, world.people[0]
    state = place.state
    return f"""
  REST        {rest.address}   (documentation: {rest.address}/docs/index.html)
              CLIENT_ID={state['client_id']}
              CLIENT_SECRET={state['client_secret']}
              TOKEN={state['token']}
  Matrix      homeserver {place.address('synapse')}, user {world.user.id} ({USER}), password {state['password']}
              any Matrix client; a direct chat with @whatsappbot:localhost understands “help”
  WhatsApp    the simulated phone +{PHONE[0]}; people: {', '.join(f'{p.name} +{p.number}' for p in world.people)}
              control: {world.simulator.address}/admin/state
  Files       {place.folder} (logs in logs/)

  Try         curl {rest.api}/devices/{PHONE[0]}/message -H "Authorization: Bearer {state['token']}" \\
                -H "Content-Type: application/json" -d '{{"platform":"wa","contact":"+{ana.number}","text":"Hello Ana"}}'

  Ctrl-C stops everything.
"""
