"""One round through everything, without a person. Each step is a function; a step that fails stops the round."""

from __future__ import annotations

import secrets
import time

from world import PHONE


class StepFailed(Exception):
    """Which step, and why."""


class Round:
    """What the steps hand to each other."""

    def __init__(self, world, say):
        self.world = world
        self.say = say
        self.ana = None
        # Marks the texts of this round: rooms and people of earlier rounds are still there.
        self.mark = secrets.token_hex(3)

    def play(self):
        """All steps in order."""
        steps = [
            ("the phone scans the QR code of the WebSocket", link),
            ("a contact's text is in a Matrix room, from the right ghost", text_arrives),
            ("the webhook got the payload with a valid signature", webhook_arrives),
            ("the user's answer in Matrix reaches the contact as a quote", answer_leaves),
            ("a text sent by REST, as an answer, is on both sides", rest_sends),
            ("wharf stops and starts again", restart),
            ("after the restart: a text to Matrix", second_text_arrives),
            ("after the restart: a text to WhatsApp", second_text_leaves),
            ("the people of the scenario live in the account", people_live),
        ]
        for at, (name, step) in enumerate(steps, 1):
            began = time.monotonic()
            try:
                step(self)
            except Exception as error:
                raise StepFailed(f"step {at} of {len(steps)}: {name}: {error}") from error
            self.say(f"{at}/{len(steps)} {name} ({time.monotonic() - began:.1f} s)")


def check(is_so, what):
    """Stops the round when something is not as it should be."""
    if not is_so:
        raise AssertionError(what)


def arrives(round_, person, text):
    """Waits for a contact's text as an event that the user reads back by its id."""
    world = round_.world
    seen = world.user.journal.wait(lambda event: event["content"].get("body") == text, "the text is in a room")
    event = world.user.event(seen["room_id"], seen["event_id"])
    check(event["content"]["msgtype"] == "m.text", f"it is of type {event['content']['msgtype']}")
    check(event["sender"] == world.ghost(person), f"it was sent by {event['sender']}")
    name = world.user.name_of(event["sender"])
    check(person.name in name, f"the ghost is called {name}")
    return seen


def link(round_):
    """QR from the WebSocket, scanned by the phone, until the device is listed."""
    round_.world.link()
    round_.ana = round_.world.ana


def text_arrives(round_):
    """Ana writes; the user, who was invited, reads it."""
    text = f"Are you at the harbour? ({round_.mark})"
    round_.whatsapp_id = round_.ana.says(PHONE[0], text)
    round_.first = arrives(round_, round_.ana, text)


def webhook_arrives(round_):
    """The same text came to the webhook; the receiver has checked its signature."""
    receiver = round_.world.receiver
    wanted = round_.first["event_id"]
    payload = receiver.journal.wait(lambda payload: payload["id"] == wanted, "the webhook is called")
    check(not receiver.bad, f"bad deliveries: {receiver.bad}")
    check(payload["message"] == round_.first["content"]["body"], "another message")
    check(payload["type"] == "m.text" and payload["media"]["content"] is None, "not a text without media")
    check(payload["device_id"] == PHONE[0], f"device_id is {payload['device_id']}")
    known = payload["from"] if payload["is_contact"] else round_.world.ghost(round_.ana)
    check(payload["from"] == known and round_.ana.number in payload["from"], f"from is {payload['from']}")


def answer_leaves(round_):
    """The user answers Ana's event; Ana gets a message that quotes hers."""
    text = f"At the pier, five minutes. ({round_.mark})"
    event = round_.world.user.say(round_.first["room_id"], text, reply_to=round_.first["event_id"])
    got = round_.ana.waits_for(text)
    check(got["quoted_id"] == round_.whatsapp_id, f"it quotes {got['quoted_id']}")
    check(got["quoted_text"] == round_.first["content"]["body"], "the quote shows another text")
    check(event, "no event id")


def rest_sends(round_):
    """REST sends a text that answers Ana's event: Ana gets a quote, the room shows an answer, once."""
    text = f"Your ticket is ready. ({round_.mark})"
    sent = round_.world.rest.send(PHONE[0], f"+{round_.ana.number}", text, reply_id=round_.first["event_id"])
    check(sent["message"] == "Message queued successfully", f"the answer is {sent}")
    got = round_.ana.waits_for(text)
    check(got["quoted_id"] == round_.whatsapp_id, f"it quotes {got['quoted_id']}")
    journal = round_.world.user.journal
    shown = journal.wait(lambda event: event["content"].get("body", "").endswith(text), "the room shows it")
    check(shown["room_id"] == round_.first["room_id"], "it is shown in another room")
    relation = shown["content"].get("m.relates_to", {}).get("m.in_reply_to", {})
    check(relation.get("event_id") == round_.first["event_id"], f"the room shows it as an answer to {relation}")


def restart(round_):
    """wharf stops in order and starts again; nothing else does."""
    code = round_.world.wharf.stop()
    check(code == 0, f"wharf ended with code {code}")
    round_.world.start_wharf()


def second_text_arrives(round_):
    """Ana writes again, into the same room."""
    text = f"I see you! ({round_.mark})"
    round_.ana.says(PHONE[0], text)
    seen = arrives(round_, round_.ana, text)
    check(seen["room_id"] == round_.first["room_id"], "it is in another room")


def second_text_leaves(round_):
    """The user writes again; it comes once."""
    text = f"Waving. ({round_.mark})"
    round_.world.user.say(round_.first["room_id"], text)
    got = round_.ana.waits_for(text)
    check(got["quoted_id"] is None, "it quotes something")


def people_live(round_):
    """The scenario begins: what one of its people says is in a room."""
    playing = round_.world.enliven()
    check(playing["groups"], "they have no group")
    ghosts = [round_.world.ghost(person) for person in round_.world.people]

    def is_new(event):
        return event["sender"] in ghosts and round_.mark not in event["content"].get("body", "")

    round_.world.user.journal.wait(is_new, "somebody of the scenario writes")
