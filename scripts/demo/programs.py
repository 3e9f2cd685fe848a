"""The programs the demo starts: one log file each, stopped in the end, also those of a demo that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from waiting import until


# Settings of the person's own environment would win over the demo's file.
SETTINGS = {
    "HOST", "PORT", "APP_MODE", "TLS_CERT_FILE", "TLS_KEY_FILE", "ALLOW_INSECURE_SERVER", "LOG_LEVEL",
    "CLIENT_ID", "CLIENT_SECRET", "HASH_KEY", "MATRIX_TOKEN_PREFIX",
}  # fmt: skip


def environment():
    """The environment without settings of wharf."""
    return {key: value for key, value in os.environ.items() if key not in SETTINGS and not key.startswith("WHARF_")}


class Program:
    """One program: its binary, its log, its process id in a file."""

    def __init__(self, name, binary, folder):
        self.name = name
        self.binary = str(binary)
        self.log = folder / "logs" / f"{name}.log"
        self.id_file = folder / f"{name}.pid"
        self.process = None

    def start(self, *arguments):
        """Starts it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C is for the demo, which stops things in order.
            self.process = subprocess.Popen(
                [self.binary, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment(), start_new_session=True,
            )  # fmt: skip
        self.id_file.write_text(str(self.process.pid))

    def ready(self, ask, seconds=60):
        """Waits until it answers; says so when it ended instead."""

        def answers():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with code {self.process.returncode}: {self.last_words(3)}")
            try:
                return ask() or True
            except Exception:  # not yet, whatever the reason
                return False

        until(answers, f"{self.name} answers", seconds)

    def stop(self, seconds=40):
        """Asks it to stop and waits; returns its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.id_file.unlink(missing_ok=True)
        code, self.process = self.process.returncode, None
        return code

    def last_words(self, lines):
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def stop_left_over(self):
        """Stops what a demo left behind that was killed."""
        try:
            process = int(self.id_file.read_text())
            with open(f"/proc/{process}/cmdline", "rb") as file:
                command = file.read().decode(errors="replace").split("\0")[:-1]
        except (OSError, ValueError):
            return
        # Ids are used again: only what is really ours is stopped.
        if command[:1] == [self.binary]:
            os.kill(process, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while os.path.exists(f"/proc/{process}") and time.monotonic() < deadline:
                time.sleep(0.1)
