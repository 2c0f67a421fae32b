"""The window of the program on a virtual screen, its log, and what it takes of the machine: for scripts/camera_matrix.py."""
import datetime
import json
import re
import subprocess
import time
from pathlib import Path

LINE = re.compile(r"(\S+)Z\s+([A-Z]+) ([\w:]+): (.*)")
# Seconds: an emulated machine is slow, and a limit only ends a hang.
PATIENCE = 240


class Hang(Exception):
    """Something that was waited for did not come."""


class Entry:
    """A line of the log."""

    def __init__(self, stamp, text):
        self.stamp, self.text = stamp, text

    def size(self):
        """Width and height, as the line of an opened source tells them."""
        return int(re.search(r"width=(\d+)", self.text)[1]), int(re.search(r"height=(\d+)", self.text)[1])


class Window:
    """The program with its window open. Settings, log and all else that it keeps are in `home`."""

    def __init__(self, program, arguments, screen, home, source, settings):
        home.mkdir(parents=True, exist_ok=True)
        self.settings_file, self.stats_file = home / "settings.json", home / "stats.json"
        self.log_file = home / "state/pinkpoint/pinkpoint.log"
        self.stats_file.unlink(missing_ok=True)
        self.settings_file.write_text(json.dumps(settings))
        self.environment = {**screen.environment(home), "RUST_LOG": "pinkpoint=debug"}
        self.began = time.time()
        self.read_to, self.entries = self.log_file.stat().st_size if self.log_file.exists() else 0, []
        command = [program, "--source", source, "--settings", self.settings_file, "--stats", self.stats_file, *arguments]
        self.errors = (home / "stderr.txt").open("w")
        self.process = subprocess.Popen(command, env=self.environment, stdout=self.errors, stderr=self.errors)

    # What it says.

    def log(self):
        """All lines so far."""
        if self.log_file.exists():
            with self.log_file.open() as file:
                file.seek(self.read_to)
                text = file.read()
            whole = text[: text.rfind("\n") + 1]
            self.read_to += len(whole.encode())
            for line in whole.splitlines():
                if found := LINE.match(line):
                    stamp = datetime.datetime.fromisoformat(found[1]).replace(tzinfo=datetime.timezone.utc).timestamp()
                    self.entries.append(Entry(stamp, found[4]))
        return self.entries

    def since(self, moment, *patterns):
        """Lines from `moment` on in which one of the patterns is."""
        return [entry for entry in self.log() if entry.stamp >= moment and any(re.search(p, entry.text) for p in patterns)]

    def wait_for(self, pattern, moment, limit=PATIENCE):
        """The first line from `moment` on in which the pattern is."""
        deadline = time.time() + limit
        while time.time() < deadline:
            if found := self.since(moment, pattern):
                return found[0]
            if self.process.poll() is not None:
                raise Hang(f"the window is gone (status {self.process.returncode})")
            time.sleep(0.1)
        raise Hang(f"not within {limit} s: {pattern}")

    def pictures(self, moment, limit=PATIENCE):
        """The first picture of a camera that was opened after `moment`, once it or a later one was on the screen."""
        first = self.wait_for("first picture", moment, limit)
        self.wait_for("shown opening", first.stamp, limit)
        return first

    def settings(self):
        return json.loads(self.settings_file.read_text())

    # What is done to it.

    def focus(self):
        search = ["xdotool", "search", "--onlyvisible", "--name", "Pinkpoint", "windowfocus"]
        deadline = time.time() + PATIENCE
        while subprocess.run(search, env=self.environment, capture_output=True).returncode != 0:
            if time.time() > deadline:
                raise Hang("no window")
            time.sleep(0.5)

    def keys(self, *keys):
        for key in keys:
            subprocess.run(["xdotool", "key", "--delay", "100", key], env=self.environment, check=True)
            time.sleep(1)

    def type(self, text):
        subprocess.run(["xdotool", "type", "--delay", "150", text], env=self.environment, check=True)
        time.sleep(1)

    def click(self, x, y, patience):
        """Clicks there; `patience` seconds later it has seen it."""
        for command, wait in ((["mousemove", str(x), str(y)], patience / 2), (["click", "1"], patience)):
            subprocess.run(["xdotool", *command], env=self.environment, check=True)
            time.sleep(wait)

    def picture(self, path):
        """Saves what is on the screen."""
        subprocess.run(["import", "-window", "root", path], env=self.environment, check=False, stderr=subprocess.DEVNULL)

    def close(self, limit=PATIENCE):
        """Asks it to end as a system does that shuts down; its statistics."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Hang(f"it does not end within {limit} s") from None
        finally:
            self.errors.close()
        if status != 0:
            raise Hang(f"it ended with status {status}")
        return json.loads(self.stats_file.read_text())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    # What it takes.

    def takes(self):
        """Open files, threads, and memory in MB."""
        process = Path(f"/proc/{self.process.pid}")
        memory = re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text())[1]
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())), int(memory) / 1024
