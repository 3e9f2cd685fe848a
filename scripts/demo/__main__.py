"""The demo: wharf, Synapse and a simulated WhatsApp on this machine. Called by `scripts/up --demo`.

With `--once` it plays one round and ends: 0 when everything happened, 1 when a step failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from live import Live, card
from place import Occupied
from round import Round, StepFailed
from world import PHONE, World


def say(text):
    """One line for the person, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def arguments():
    """What was asked."""
    parser = argparse.ArgumentParser(prog="scripts/up --demo")
    parser.add_argument("--root", type=Path, required=True, help="the project")
    parser.add_argument("--programs", type=Path, required=True, help="where the binaries are")
    parser.add_argument("--data", type=Path, required=True, help="the demo's folder")
    parser.add_argument("--once", action="store_true", help="one round without a person")
    return parser.parse_args()


def stop_by_exit(*_):
    """Any of the three signals ends the demo like Ctrl-C, also where the shell had it ignored."""
    raise KeyboardInterrupt


def once(world):
    """One round."""
    Round(world, say).play()
    say("one round passed")


def live(world):
    """Until Ctrl-C."""
    world.link()
    say(f"the phone +{PHONE[0]} is linked")
    world.enliven()
    print(card(world), flush=True)
    people = Live(world, say)
    people.start()
    try:
        while True:
            time.sleep(1)
            for program in (world.wharf, world.simulator_program):
                if program.process.poll() is not None:
                    raise RuntimeError(f"{program.name} ended with code {program.process.returncode}")
    finally:
        people.stop()


def main():
    """Starts, plays, stops."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_by_exit)
    asked = arguments()
    world = World(asked.root, asked.data, asked.programs)
    code = 0
    try:
        world.start(say)
        (once if asked.once else live)(world)
    except KeyboardInterrupt:
        code = 130 if asked.once else 0
    except Occupied as occupied:
        say(str(occupied))
        code = 1
    except StepFailed as failed:
        code = failure(world, str(failed))
    except Exception as error:
        code = failure(world, f"the demo could not go on: {error}")
    finally:
        # A second Ctrl-C does not leave half of it running.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if world.runs:
            say("stopping")
            world.stop()
    sys.exit(code)


def failure(world, what):
    """Says what failed and where to look."""
    say(f"FAILED  {what}")
    print(f"the end of {world.wharf.log}:\n{world.wharf.last_words(15)}", flush=True)
    say(f"logs: {world.place.folder}/logs/ and {world.place.synapse}/homeserver.log")
    return 1


main()
