#!/usr/bin/env python3
"""Runs the real window for as long as asked, on looping videos, with random commands from a seed, and watches what it uses.

    scripts/soak.py --hours 1 --seed 1 --clip FILM.mp4 --clip OTHER.mp4 --out soak

Commands: other weights (those that come with the program, and files that are no nets), other sources, panels, layers,
maps held and pinned, faces and points clicked, sizes of the window, pauses, jumps in the video, recordings, snapshots, comparisons,
keys at random. Every ten seconds the process is looked at: memory, open files, threads, and what the window says of its
delay (`--stats-log`). Writes OUT.csv, OUT.png (with matplotlib) and prints a verdict: the program is alive, has said nothing of
panics or hangs, and over the second half nothing grows: files and threads by none, memory by 5 % at most, delay (median of
p95) to no more than 1.5 times that of the first half. Exit status 0 when all of it is so.

Needs Xvfb and xdotool, as the tests do; a release build; Python 3.10.
"""

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from screen import Screen

ROOT = Path(__file__).resolve().parent.parent
EVERY = 10.0
WARM_UP = 0.25  # of the time: caches fill, every net and panel has been there
SIZES = [(640, 400), (800, 600), (1024, 700), (1280, 800), (1600, 900)]
TOGGLES = "p l n b i t u r o f m z g w s h x".split()
# The keys that open them.
DIALOGS = {"source": "ctrl+o", "weights": "ctrl+l", "compare": "ctrl+k"}


class Desk(Screen):
    """A screen of its own, and keys and clicks on it."""

    def do(self, *words):
        environment = dict(os.environ, DISPLAY=self.display)
        done = subprocess.run(["xdotool", *map(str, words)], env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout.split()

    def window(self):
        found = self.do("search", "--onlyvisible", "--name", "^Pinkpoint")
        return found[0] if found else None


class Player:
    """Does one thing after the other, by chance."""

    def __init__(self, screen, clips, chance):
        self.screen, self.clips, self.chance = screen, clips, chance
        self.done = {}
        self.recording = False

    def type_into(self, dialog, text):
        self.screen.do("key", DIALOGS[dialog], "sleep", 0.5, "type", "--delay", 5, text)
        self.screen.do("key", "Return", "sleep", 0.3, "key", "Escape")

    def size(self):
        self.screen.do("windowsize", self.screen.window(), *self.chance.choice(SIZES))

    def click(self):
        x, y = self.chance.randrange(20, 1000), self.chance.randrange(60, 600)
        self.screen.do("mousemove", x, y, "click", 1)

    def source(self):
        self.type_into("source", self.chance.choice([*self.clips, *self.clips, str(ROOT / "assets/demo.jpg"), "/no/such/film.mp4"]))

    def weights(self):
        bundled = sorted(path.stem for path in (ROOT / "weights").glob("*.pt"))
        self.type_into("weights", self.chance.choice([*bundled, str(ROOT / "Cargo.toml"), str(ROOT / "tests/weights/nan.pt")]))

    def compare(self):
        self.type_into("compare", self.chance.choice(["naimish", "pinkpoint-youtube"]))
        self.screen.do("sleep", 2, "key", "ctrl+shift+k")

    def toggle(self):
        self.screen.do("key", self.chance.choice(TOGGLES))

    def pause(self):
        self.screen.do("key", "space", "sleep", 1, "key", "period", "key", "comma", "key", "space")

    def seek(self):
        self.screen.do("key", self.chance.choice(["Right", "Left", "bracketright", "bracketleft"]))

    def record(self):
        self.recording = not self.recording
        self.screen.do("key", "ctrl+r")

    def snapshot(self):
        self.screen.do("key", "ctrl+s")

    def as_at_first(self):
        self.screen.do("key", "Escape", "key", "ctrl+BackSpace")

    def next(self):
        things = [self.toggle] * 8 + [self.click] * 4 + [self.size, self.seek] * 2
        things += [self.source, self.weights, self.compare, self.pause, self.record, self.snapshot, self.as_at_first]
        thing = self.chance.choice(things)
        self.done[thing.__name__] = self.done.get(thing.__name__, 0) + 1
        thing()


def usage(process):
    """Memory (MB), open files and threads of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    files = len(os.listdir(f"/proc/{process}/fd"))
    return int(fields["VmRSS"].split()[0]) * 1024 / 1e6, files, int(fields["Threads"])


def run(args):
    chance = random.Random(args.seed)
    screen = Desk(*SIZES[-1])
    home = Path(tempfile.mkdtemp(prefix="pinkpoint-soak-"))
    figures = home / "figures.jsonl"
    command = [args.program, "--source", args.clip[0], "--settings", str(home / "settings.json"), "--stats-log", str(figures)]
    program = subprocess.Popen(command, env=screen.environment(home), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=home)
    rows, player = [], Player(screen, args.clip, chance)
    try:
        deadline = time.monotonic() + 60
        while screen.window() is None:
            if time.monotonic() > deadline or program.poll() is not None:
                sys.exit("the window did not open")
            time.sleep(0.2)
        screen.do("windowfocus", screen.window())
        began = time.monotonic()
        end, sample = began + args.hours * 3600, began
        # Whatever goes wrong in between, what was seen until then is written down and judged.
        try:
            while time.monotonic() < end and program.poll() is None:
                player.next()
                if time.monotonic() >= sample:
                    sample = time.monotonic() + EVERY
                    rows.append([time.monotonic() - began, *usage(program.pid)])
                time.sleep(chance.uniform(0.2, 1.5))
            ending = "ended before its time" if program.poll() is not None else None
            program.terminate()
            status = program.wait(timeout=60)
            if status != 0:
                ending = f"{ending or 'ended when told to'}, exit status {status}"
        except (KeyError, OSError) as error:
            ending = f"is gone: {error!r}"
        except subprocess.TimeoutExpired as error:
            ending = f"does not answer: {error}"
    finally:
        if program.poll() is None:
            program.kill()
        screen.close()
    read = lambda path: path.read_text().splitlines() if path.exists() else []
    lines = [json.loads(line) for line in read(figures)]
    bad = [line for line in read(home / "state/pinkpoint/pinkpoint.log") if "panicked" in line or "nothing for" in line]
    return rows, lines, player.done, ending, bad


def halves(values):
    """Values after the warm-up, in two halves."""
    kept = values[int(len(values) * WARM_UP):]
    return kept[: len(kept) // 2], kept[len(kept) // 2:]


def flat(name, values, allowed):
    """Whether values stay about as they are: the median of the second half is at most so many times that of the first."""
    first, second = map(lambda half: statistics.median(half) if half else None, halves(values))
    if first is None or second is None:
        return f"{name}: flat", False, f"{len(values)} figures are too few"
    return f"{name}: flat", second <= first * allowed, f"median {first:.1f}, then {second:.1f}; most {max(values):.1f}"


def verdict(rows, lines, ending, bad):
    """What was found, each with whether it is well."""
    yield "alive to the end, and ended when told to", ending is None, ending or "exit status 0"
    yield "nothing said of panics or hangs", not bad, "; ".join(bad[:3]) or "nothing"
    for name, column, allowed in [("memory, MB", 1, 1.05), ("open files", 2, 1.0), ("threads", 3, 1.0)]:
        yield flat(name, [row[column] for row in rows], allowed)
    yield flat("delay (p95 of ten seconds), ms", [line["latency_ms"]["p95"] for line in lines if line["frames_shown"] > 0], 1.5)


def plot(path, rows, lines):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 1, figsize=(9, 9), sharex=True, layout="constrained")
    minutes = [row[0] / 60 for row in rows]
    for axis, column, name in zip(axes, [1, 2, 3], ["memory, MB", "open files", "threads"]):
        axis.plot(minutes, [row[column] for row in rows], color="tab:pink")
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
    shown = [line for line in lines if line["frames_shown"] > 0]
    axes[3].plot([line["seconds"] / 60 for line in shown], [line["latency_ms"]["p95"] for line in shown], color="tab:pink")
    axes[3].set_ylabel("delay, p95, ms")
    axes[3].set_yscale("log")
    axes[3].set_xlabel("minutes")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clip", action="append", required=True, metavar="VIDEO", help="shown in a loop; may be given again")
    parser.add_argument("--program", default=str(ROOT / "target/release/pinkpoint"))
    parser.add_argument("--out", type=Path, default=Path("soak"), help="writes OUT.csv and OUT.png")
    args = parser.parse_args()
    args.clip = [str(Path(clip).resolve(strict=True)) for clip in args.clip]
    rows, lines, done, ending, bad = run(args)
    with args.out.with_suffix(".csv").open("w", newline="") as out:
        csv.writer(out).writerows([["seconds", "memory_mb", "open_files", "threads"], *rows])
    minutes = rows[-1][0] / 60 if rows else 0
    print(f"seed {args.seed}, {minutes:.0f} minutes: " + ", ".join(f"{count} {name}" for name, count in sorted(done.items())))
    well = True
    for what, ok, found in verdict(rows, lines, ending, bad):
        print(f"{'ok    ' if ok else 'NOT OK'} {what} ({found})")
        well &= ok
    try:
        plot(args.out.with_suffix(".png"), rows, lines)
    except ImportError:
        print("without matplotlib there is no plot")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
