"""Waiting for a thing with a deadline, never for a time."""

from __future__ import annotations

import threading
import time


class Late(Exception):
    """It did not happen in time."""


def until(ask, what, seconds=30, every=0.2):
    """Asks again and again until the answer is something."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Late(f"{what}: not within {seconds} s")
        time.sleep(every)


class Journal:
    """What happened, in order; others wait for an entry. Safe between threads."""

    def __init__(self):
        self.entries = []
        self.changed = threading.Condition()

    def add(self, entry):
        with self.changed:
            self.entries.append(entry)
            self.changed.notify_all()

    def wait(self, is_it, what, seconds=30):
        """The first entry, old or new, that is the one."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                for entry in self.entries:
                    if is_it(entry):
                        return entry
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise Late(f"{what}: not within {seconds} s")
