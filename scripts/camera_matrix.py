#!/usr/bin/env python3
"""Tries the window with cameras of the kernel's drivers: every format and size, unplugged and back, frozen, in use, absent, and 50
changes in a row. Prints a line for everything that was tried, with what was expected and seen; exit status 0 when all is well.

    scripts/camera_matrix.py --machine "COMMAND --camera {device} --" --control "TOOL {word}" --device NAME [--part PART,PART]

A machine whose cameras can be taken away is not part of this repository; it is given as two commands:

    --machine   runs the words that follow it as root on a machine that has the camera {device}, with these files at these paths and
                this folder writable, and ends with their exit status. Left out: the camera is of this machine.
    --control   does something to the camera there; {word} is one of unplug, plug, freeze, thaw, elsewhere (plug it in so that its
                node has another number). --without names those that it cannot do. Without elsewhere the old node is held open
                meanwhile, so that its number is not free; with hold among --without, that is not tried either.

Parts: modes (a picture in every format and size, by `pinkpoint cameras --try`), formats (the same in the window), unread (formats that
are offered and not read), replug, record, freeze, odd (in use, no camera at all, none at the start), changes. Needs Python 3.10, Xvfb,
xdotool and v4l2-ctl there, and import and ffprobe if they are there. Limits are wide, for machines that are emulated; times are those
of the program's log. --out FOLDER (below this folder) keeps logs, recordings and pictures of the screen.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from camera_parts import PARTS, offers_a_format, tried
from camera_window import PATIENCE, Hang, Window
from screen import Screen

ROOT = Path(__file__).resolve().parent.parent
SIZE = (640, 480)
# Seconds.
MOST_BETWEEN_TRIES = 2.0
# A try that lasts longer than this had opened the camera.
WAITED = 3.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", type=shlex.split, metavar="COMMAND")
    parser.add_argument("--control", type=shlex.split, required=True, metavar="COMMAND")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[], metavar="WORD,WORD")
    parser.add_argument("--device", default="", help="put in for {device}, and named in what is printed")
    parser.add_argument("--part", type=lambda text: text.split(","), default=list(PARTS), metavar="PART,PART")
    parser.add_argument("--formats", type=lambda text: text.split(","), default=[], help="only these of formats and unread")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    parser.add_argument("--arguments", type=shlex.split, default=["--weights", ROOT / "tests/weights/steady-64.pt", "--max-fps", "5"],
                        help="further ones for the program (default: a small net and 5 frames a second, for slow machines)")
    parser.add_argument("--other", default="demo", help="what the changes switch to besides the camera (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the changes")
    parser.add_argument("--out", type=Path, default=Path("camera_matrix"))
    args = parser.parse_args()
    if unknown := set(args.part) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return args


class Camera:
    """The camera as it is listed, and what can be done to it."""

    def __init__(self, args):
        self.args = args
        self.look()

    def look(self):
        """Looks at the list of cameras; the first one counts."""
        text = subprocess.run([self.args.program, "cameras"], capture_output=True, text=True, check=True).stdout
        first = re.split(r"^camera:1 ", text, flags=re.M)[0]
        head = re.search(r"^camera:0  (/dev/video\d+)  (.*)$", first, re.M)
        if head is None:
            raise Hang(f"there is no camera: {text.strip()}")
        self.node, self.name = head[1], head[2]
        link = re.search(r"always the same: (\S+)", first)
        self.link = link and link[1]
        self.key = self.link or f"camera:{self.name}"
        self.modes = [(found[1], (int(found[2]), int(found[3])))
                      for found in re.finditer(r"^    (\S.*?) (\d+) x (\d+)", first, re.M)]
        unread = re.search(r"not read here: (.*)", first)
        self.unread = unread[1].split(", ") if unread else []
        return self

    def do(self, word):
        """Does it; whether that worked."""
        command = [part.format(word=word) for part in self.args.control]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode == 0

    def can(self, word):
        return word not in self.args.without

    def is_there(self):
        """Whether what the program waits for is there, and offers a format: a loopback is there before its feed is."""
        if self.link:
            return offers_a_format(self.link)
        names = Path("/sys/class/video4linux").glob("video*/name")
        nodes = [f"/dev/{name.parent.name}" for name in names if name.read_text().strip() == self.name]
        return any(offers_a_format(node) for node in nodes)

    def plug(self, word="plug"):
        """Plugs it in; when it was there."""
        worked, there = self.change(word, True)
        if not worked:
            raise Hang(f"{word} failed")
        return there

    def unplug(self):
        """Takes it away; whether that worked without somebody having to let go of it, and when nothing came from it any more."""
        return self.change("unplug", False)

    def change(self, word, there):
        """Does it; whether that worked, and when the camera was there, or gone, as nearly as looking 50 times a second shows."""
        seen, over = [], threading.Event()

        def watch():
            while self.is_there() != there and not over.is_set():
                time.sleep(0.02)
            seen.append(time.time())

        watcher = threading.Thread(target=watch)
        watcher.start()
        worked = False
        try:
            worked = self.do(word)
            # Its link may be made, or taken away, a moment later.
            watcher.join(5)
        finally:
            over.set()
            watcher.join()
        return worked, seen[0]


class Matrix:
    """What was tried, and with what."""

    def __init__(self, args):
        self.args = args
        self.camera = Camera(args)
        self.screen = Screen(*SIZE)
        self.tried, self.failed = 0, []
        self.longest_gap, self.part = 0.0, ""
        self.windows = []

    def say(self, what, expected, seen, ok):
        """A line for something that was tried."""
        self.tried += 1
        line = f"{'ok    ' if ok else 'NOT OK'}  {self.args.device} {self.part}: {what} | expected: {expected} | seen: {seen}"
        print(line, flush=True)
        if not ok:
            self.failed.append(line)
        return ok

    def pass_over(self, what, why):
        print(f"--      {self.args.device} {self.part}: {what} | not tried: {why}", flush=True)

    def settings(self, wish=None, **view):
        return {"window": {"width": SIZE[0], "height": SIZE[1]},
                "view": {"filters": False, "maps": False, **view},
                "saving": {"folder": str(self.args.out / "recordings")},
                "cameras": {self.camera.key: wish} if wish else {}}

    def wanted(self, formats):
        """Those of the formats that are to be tried in the window, each once."""
        return [fourcc for fourcc in dict.fromkeys(formats) if not self.args.formats or fourcc in self.args.formats]

    def open(self, source=None, wish=None, **view):
        home = self.args.out / f"{self.args.device}-{self.part}-{len(self.windows) + 1}"
        shutil.rmtree(home, ignore_errors=True)
        source = source or self.camera.link or self.camera.node
        window = Window(self.args.program, self.args.arguments, self.screen, home, source, self.settings(wish, **view))
        self.windows.append(window)
        return window

    def shot(self, window, name):
        window.picture(self.args.out / f"{self.args.device}-{self.part}-{name}.png")

    def shows(self, window, moment, what, limit=PATIENCE):
        """Whether pictures come from `moment` on; tells so."""
        entry = window.pictures(moment, limit)
        self.say(what, "pictures", f"pictures after {entry.stamp - moment:.1f} s", True)
        return entry

    def tries(self, window, what):
        """Tells how far apart tries for the camera were: from the start of one that failed, or, where it waited for pictures, from its
        end, to the start of the next."""
        gaps, last = [], None
        for entry in window.log():
            if re.search("first picture|source opened|trying source=demo", entry.text):
                last = None
            elif re.search(r"\btrying\b", entry.text):
                gaps += [entry.stamp - last] if last else []
                last = entry.stamp
            elif "no pictures, next try" in entry.text and (last is None or entry.stamp - last > WAITED):
                last = entry.stamp
        if gaps:
            self.longest_gap = max(self.longest_gap, *gaps)
            self.say(what, f"tries at most {MOST_BETWEEN_TRIES:.0f} s apart", f"{len(gaps)} tries, at most {max(gaps):.2f} s apart",
                     max(gaps) <= MOST_BETWEEN_TRIES)

    def first_try(self, window, there, what):
        """Tells whether the first try after the camera was there worked."""
        back = window.pictures(there)
        tries = [entry for entry in window.since(there, r"\btrying\b") if entry.stamp <= back.stamp]
        took = f"pictures {back.stamp - there:.2f} s after it was there"
        self.say(what, "the first try works", f"{max(len(tries), 1)} tries, {took}", len(tries) <= 1)
        return back

    def close(self, window, what="closing the window"):
        began = time.time()
        stats = window.close()
        self.say(what, "it ends well", f"ended after {time.time() - began:.1f} s, {stats['frames_shown']} frames shown", True)
        return stats

    def put_back(self, name):
        """After something that did not come: what is on the screen is kept, no window stays, and the camera is there."""
        self.shot(self.windows[-1], f"not-ok-{name}") if self.windows else None
        for window in self.windows:
            window.kill()
        for word in ("thaw", "plug"):
            self.camera.do(word)


def run(args):
    """On the machine with the camera: every part; whether all is well."""
    args.out.mkdir(parents=True, exist_ok=True)
    matrix = Matrix(args)
    for matrix.part in args.part:
        began = time.time()
        tried(matrix, "this part", lambda: PARTS[matrix.part](matrix))
        print(f"        {matrix.part} took {time.time() - began:.0f} s", flush=True)
    matrix.screen.close()
    print(f"{args.device}: {matrix.tried} tried, {len(matrix.failed)} NOT OK; tries for a camera at most {matrix.longest_gap:.2f} s apart")
    for line in matrix.failed:
        print(line)
    return not matrix.failed


def main():
    args = arguments()
    args.out = args.out.resolve()
    if args.machine is None:
        sys.exit(0 if run(args) else 1)
    inside = [word for word in sys.argv[1:]]
    at = next(number for number, word in enumerate(inside) if word.split("=")[0] == "--machine")
    del inside[at : at + (1 if "=" in inside[at] else 2)]
    machine = [word.format(device=args.device) for word in args.machine]
    sys.exit(subprocess.run([*machine, sys.executable, Path(__file__).resolve(), *inside]).returncode)


if __name__ == "__main__":
    main()
