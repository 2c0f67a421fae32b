"""What scripts/camera_matrix.py tries with a camera, part by part."""
import csv
import fcntl
import json
import os
import random
import re
import shutil
import struct
import subprocess
import time
from pathlib import Path

from camera_window import PATIENCE, Hang

# Seconds.
MOST_UNTIL_NOTICED = 4.0
# The window may draw less than one picture a second on an emulated machine.
MOST_UNTIL_SAID = 10.0
MOST_UNTIL_BACK = 6.0
# Memory that may be held after the changes beyond what was held after the first of them: a share of it.
MORE_MEMORY = 0.10
CHANGES, WARM_UP = 50, 12
# Where the panel's list of sizes is, in pixels; how far below it the first row of a list is, and the next below that.
SIZE_AT, FIRST_ROW, ROW = (150, 203), 34, 30
# As linux/videodev2.h numbers them.
VIDIOC_ENUM_FMT, CAPTURE = 0xC0405602, 1


def offers_a_format(node):
    try:
        with open(node, "rb", buffering=0) as device:
            fcntl.ioctl(device, VIDIOC_ENUM_FMT, bytearray(struct.pack("II56x", 0, CAPTURE)))
        return True
    except OSError:
        return False


def tried(matrix, what, do):
    """Does it; what does not come is told, and the camera and the window are put back."""
    try:
        do()
    except (Hang, subprocess.SubprocessError, OSError) as error:
        matrix.say(what, "it comes", f"{type(error).__name__}: {error}", False)
        matrix.put_back(len(matrix.failed))


def modes(matrix):
    """Every format and size that is read, a picture of each, without the window."""
    text = subprocess.run([matrix.args.program, "cameras", "--try"], capture_output=True, text=True, check=True).stdout
    first = re.split(r"^camera:1 ", text, flags=re.M)[0]
    found = re.findall(r"^    tried (\S.*?) (\d+ x \d+): (.*)$", first, re.M)
    for fourcc, size, seen in found:
        matrix.say(f"{fourcc} {size}", "a picture", seen, seen.startswith(f"a picture of {size} in {fourcc} after"))
    matrix.say("formats and sizes", f"all {len(matrix.camera.modes)} tried", len(found), len(found) == len(matrix.camera.modes))


def formats(matrix):
    """Every format and size that is read: a window for each format, in which one size after the other is chosen."""
    camera = matrix.camera
    for fourcc in matrix.wanted(fourcc for fourcc, _ in camera.modes):
        sizes = sorted({size for other, size in camera.modes if other == fourcc})
        tried(matrix, fourcc, lambda f=fourcc, s=sizes: one_format(matrix, f, s))


def one_format(matrix, fourcc, sizes):
    began = time.time()
    window = matrix.open(wish={"format": fourcc, "size": list(sizes[0])}, settings_panel=True)
    for number, size in enumerate(sizes):
        if number > 0:
            began = time.time()
            choose(window, SIZE_AT, number + 1)
        shown = window.wait_for("shown opening", began)
        opened, given = window.since(began, "source opened")[-1].size(), window.since(began, "camera gives")
        seen = f"{opened[0]}x{opened[1]} on the screen after {shown.stamp - began:.0f} s" + "".join(f", {entry.text}" for entry in given)
        matrix.say(f"{fourcc} {size[0]}x{size[1]}", "pictures of that size", seen, opened == size and not given)
    matrix.shot(window, fourcc)
    if fourcc != matrix.camera.modes[0][0]:
        return window.kill()
    matrix.close(window)
    wish = {"format": fourcc, "size": list(sizes[-1])}
    kept = window.settings()["cameras"].get(matrix.camera.key, {})
    kept = {name: kept.get(name) for name in wish}
    matrix.say("settings afterwards", json.dumps(wish), json.dumps(kept), kept == wish)


def unread(matrix):
    """Formats that are offered and not read."""
    if not matrix.camera.unread:
        matrix.pass_over("formats that are not read", "there are none")
    for fourcc in matrix.wanted(matrix.camera.unread):
        tried(matrix, fourcc, lambda f=fourcc: unread_format(matrix, f))


def choose(window, at, row):
    """Opens a list of the panel of settings, and takes a row of it, which opens the camera anew. On a slow machine a click may come
    before the list is drawn."""
    for patience in (2, 6, 12, 20):
        began = time.time()
        window.click(*at, patience)
        window.click(at[0], at[1] + FIRST_ROW + ROW * row, patience)
        try:
            return window.wait_for(r"\btrying\b", began, 5 + patience)
        except Hang:
            window.keys("Escape")
    raise Hang("the list in the panel does not open")


def unread_format(matrix, fourcc):
    window = matrix.open(wish={"format": fourcc})
    shown = window.wait_for("shown opening", window.began)
    said = window.since(window.began, "camera gives")
    window.kill()
    seen = f"on the screen after {shown.stamp - window.began:.0f} s: " + "; ".join(entry.text for entry in said)
    matrix.say(fourcc, "pictures in another format, and it says so", seen, bool(said))


def unplug(camera, window):
    """Takes the camera away, also where that needs the program to have let go of it; when nothing came from it any more."""
    worked, gone = camera.unplug()
    if not worked:
        window.wait_for("no pictures, next try", gone - 1)
        deadline = time.time() + PATIENCE
        while not camera.unplug()[0] and time.time() < deadline:
            time.sleep(0.5)
    return gone


def is_noticed(matrix, window, since, what):
    """Tells how long it took until the program noticed that there are no pictures any more, and until the window said so."""
    # It may see the camera go a moment before this script does.
    noticed = max(0.0, window.wait_for("no pictures, next try", since - 1).stamp - since)
    said = window.wait_for("waiting for a source", since - 1)
    matrix.say(what, f"noticed within {MOST_UNTIL_NOTICED:.0f} s, said within {MOST_UNTIL_SAID:.0f} s",
               f"noticed after {noticed:.1f} s, said after {said.stamp - since:.1f} s: {said.text}",
               noticed <= MOST_UNTIL_NOTICED and said.stamp - since <= MOST_UNTIL_SAID)


def replug(matrix):
    """Taken away and back, at its own number and another one, with all that was set."""
    camera = matrix.camera
    turned, brightness = "over", control(camera.node)
    wish = {"size": list(camera.modes[-1][1] if len(camera.modes) < 10 else camera.modes[0][1]), "turn": turned}
    if brightness:
        wish["controls"] = {brightness[0]: brightness[1]}
    window = matrix.open(wish=wish)
    matrix.shows(window, window.began, "streaming")
    for turn in range(1, 4):
        is_noticed(matrix, window, unplug(camera, window), f"unplugged ({turn})")
        time.sleep(2 + turn)
        if turn == 1:
            matrix.shot(window, "unplugged")
        there = camera.plug()
        matrix.first_try(window, there, f"plugged in again ({turn})")
    elsewhere(matrix, window)
    if brightness:
        now = control(camera.look().node)
        matrix.say("what was set on it", f"control {brightness[0]} = {brightness[1]}", f"{now[2]}", now[2] == brightness[1])
    opened = [entry for entry in window.log() if "source opened" in entry.text]
    sizes = {entry.size() for entry in opened}
    matrix.say("size after every return", "always the same", sizes, len(sizes) == 1)
    matrix.shot(window, "back")
    matrix.tries(window, "tries meanwhile")
    matrix.close(window)
    kept = window.settings()["cameras"].get(camera.key, {})
    kept = {name: kept.get(name) for name in wish}
    matrix.say("settings afterwards", json.dumps(wish), json.dumps(kept), kept == wish)


def elsewhere(matrix, window):
    """Back under another number."""
    camera = matrix.camera
    if not (camera.can("elsewhere") or camera.can("hold")):
        return matrix.pass_over("back under another number", "this camera always gets the same one")
    before, held = camera.look().node, None
    if not camera.can("elsewhere"):
        held = os.open(before, os.O_RDWR)
    began = time.time()
    camera.do("unplug") if held else unplug(camera, window)
    window.wait_for("waiting for a source", began)
    time.sleep(3)
    there = camera.plug("elsewhere" if held is None else "plug")
    matrix.first_try(window, there, "plugged in under another number")
    now = camera.look().node
    matrix.say("its number", f"not {before}", now, now != before)
    if held:
        os.close(held)


def control(node):
    """Number, a value that is not the usual one, and the present value of a control that the camera has."""
    text = subprocess.run(["v4l2-ctl", "-d", node, "-l"], capture_output=True, text=True).stdout
    found = re.search(r"brightness 0x([0-9a-f]+) .*min=(-?\d+) max=(-?\d+) step=\d+ default=(-?\d+) value=(-?\d+)", text)
    if not found:
        return None
    other = (int(found[3]) + int(found[4])) // 2
    return str(int(found[1], 16)), other, int(found[5])


def record(matrix):
    """A recording goes on over a gap, and ends well while the camera is away."""
    camera, folder = matrix.camera, matrix.args.out / "recordings"
    shutil.rmtree(folder, ignore_errors=True)
    window = matrix.open()
    window.focus()
    matrix.shows(window, window.began, "streaming")
    window.wait_for("net loaded", window.began)
    window.keys("ctrl+r")
    time.sleep(6)
    is_noticed(matrix, window, unplug(camera, window), "unplugged while it records")
    time.sleep(4)
    matrix.first_try(window, camera.plug(), "back while it records")
    time.sleep(6)
    matrix.shot(window, "recording")
    window.keys("ctrl+r")
    is_whole(matrix, folder, "recorded over the gap")
    window.keys("ctrl+r")
    time.sleep(6)
    is_noticed(matrix, window, unplug(camera, window), "unplugged while it records")
    window.keys("ctrl+r")
    is_whole(matrix, folder, "ended while the camera was away")
    matrix.first_try(window, camera.plug(), "back after the recording")
    window.keys("ctrl+r")
    time.sleep(5)
    camera.do("unplug")
    matrix.close(window, "closing while it records and the camera is away")
    is_whole(matrix, folder, "ended by closing the window")
    for _ in range(20):
        if camera.do("unplug"):
            break
        time.sleep(0.5)
    camera.plug()


def is_whole(matrix, folder, what):
    """Tells whether the newest recording can be read to its end; it is taken out of the way."""
    deadline = time.time() + PATIENCE
    while True:
        files = sorted(folder.glob("*")) if folder.is_dir() else []
        if files and not any(".partial" in file.name for file in files):
            break
        if time.time() > deadline:
            return matrix.say(what, "video and table", [file.name for file in files], False)
        time.sleep(0.5)
    seen, ok = [], {file.suffix for file in files} == {".mkv", ".csv"}
    for file in files:
        if file.suffix == ".csv":
            with file.open(newline="") as table:
                rows = list(csv.reader(table))
            ok &= len({len(row) for row in rows}) == 1
            seen.append(f"{len(rows) - 1} rows of {len(rows[0])} columns" if rows else "an empty table")
        elif shutil.which("ffprobe"):
            command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file]
            read = subprocess.run(command, capture_output=True, text=True)
            ok &= read.returncode == 0 and not read.stderr and int(read.stdout.strip(", \n") or 0) > 0
            seen.append(f"{read.stdout.strip()} pictures{read.stderr}")
        else:
            ok &= file.stat().st_size > 0
            seen.append(f"{file.stat().st_size} bytes of video")
        file.rename(matrix.args.out / f"{matrix.args.device}-{file.name}")
    return matrix.say(what, "video and table, readable to their ends", "; ".join(seen), ok)


def freeze(matrix):
    """Frames stop and go on."""
    camera = matrix.camera
    if not camera.can("freeze"):
        return matrix.pass_over("freeze and thaw", "this camera cannot be frozen")
    window = matrix.open()
    window.focus()
    matrix.shows(window, window.began, "streaming")
    time.sleep(5)
    for turn, frozen_for in ((1, 8), (2, 20)):
        began = time.time()
        camera.do("freeze")
        is_noticed(matrix, window, began, f"frozen ({turn})")
        time.sleep(max(0.0, frozen_for + began - time.time()))
        matrix.shot(window, f"frozen-{turn}")
        thawed = time.time()
        camera.do("thaw")
        back = window.pictures(thawed)
        matrix.say(f"thawed ({turn})", f"pictures within {MOST_UNTIL_BACK} s", f"{back.stamp - thawed:.1f} s",
                   back.stamp - thawed <= MOST_UNTIL_BACK)
        time.sleep(4)
    matrix.shot(window, "thawed")
    camera.do("freeze")
    time.sleep(0.7)
    began = time.time()
    window.keys("d")
    entry = window.wait_for("source opened", began)
    matrix.say("another source while it is frozen", "it is shown within 6 s", f"{entry.stamp - began:.1f} s", entry.stamp - began <= 6)
    camera.do("thaw")
    began = time.time()
    open_source(window, camera.link or camera.node)
    matrix.shows(window, began, "back to the camera")
    camera.do("freeze")
    window.wait_for("waiting for a source", began)
    unplug(camera, window)
    time.sleep(4)
    matrix.say("unplugged while it is frozen", "the window lives", "it lives", window.process.poll() is None)
    matrix.first_try(window, camera.plug(), "plugged in again")
    matrix.tries(window, "tries meanwhile")
    camera.do("freeze")
    matrix.close(window, "closing while it is frozen")
    camera.do("thaw")


def open_source(window, source):
    window.keys("ctrl+o")
    window.type(source)
    window.keys("Return")


def odd(matrix):
    """In use, no camera, none at the start."""
    camera = matrix.camera
    node = camera.look().node
    user = subprocess.Popen(["v4l2-ctl", "-d", node, "--stream-mmap", "--stream-count=1000000"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    time.sleep(3)
    window = matrix.open()
    said = window.wait_for("waiting for a source|first picture", window.began)
    if "first picture" in said.text:
        matrix.say("in use by another program", "pictures where the driver lets several read", said.text, True)
    else:
        matrix.say("in use by another program", "it says so", said.text, "in use" in said.text)
    time.sleep(6)
    matrix.shot(window, "in-use")
    user.kill()
    user.wait()
    free = time.time()
    matrix.shows(window, free if "first" not in said.text else window.began, "free again")
    matrix.tries(window, "tries meanwhile")
    matrix.close(window)
    no_camera(matrix)
    none_at_first(matrix)


def no_camera(matrix):
    """Devices that cannot capture."""
    camera = matrix.camera
    listed = subprocess.run([matrix.args.program, "cameras"], capture_output=True, text=True).stdout
    others = [str(node) for node in sorted(Path("/dev").glob("video*")) if f"  {node}  " not in listed]
    held = None
    if not others:
        # A loopback whose feed is gone stays as long as somebody has it open.
        held = os.open(camera.node, os.O_RDWR)
        camera.do("unplug")
        others = [camera.node] if os.path.exists(camera.node) else []
    for other in ["/dev/null", *others]:
        window = matrix.open(source=other)
        said = window.wait_for("waiting for a source", window.began)
        time.sleep(4)
        matrix.shot(window, f"no-camera{other.replace('/', '-')}")
        if offers_a_format(other):
            # Some loopbacks go on offering their last format as long as they are held.
            matrix.say(f"{other}, which nobody feeds", "it says so", said.text, "gives no picture;" in said.text)
        else:
            matrix.say(f"{other}, which cannot capture", "it says so", said.text, "cannot be used as a camera" in said.text)
        matrix.tries(window, "tries meanwhile")
        matrix.close(window)
    if held:
        os.close(held)
        camera.do("unplug")
        camera.plug()


def none_at_first(matrix):
    """None at the start and one plugged in later."""
    camera = matrix.camera
    source = camera.link or f"camera:{camera.name}"
    for _ in range(20):
        if camera.do("unplug") or not camera.is_there():
            break
        time.sleep(0.5)
    window = matrix.open(source="camera")
    opened = window.wait_for("source opened", window.began)
    matrix.say("the first camera, and there is none", "the demo", opened.text, "demo" in opened.text)
    matrix.close(window)
    window = matrix.open(source=source)
    said = window.wait_for("waiting for a source", window.began)
    matrix.say("a camera that is not there", "it says so", said.text, "not there" in said.text)
    time.sleep(8)
    matrix.shot(window, "none-at-first")
    matrix.first_try(window, camera.plug(), "plugged in later")
    matrix.tries(window, "tries meanwhile")
    matrix.close(window)


class Changes:
    """What is changed in a row, and what has to be so after each."""

    def __init__(self, matrix, window):
        self.matrix, self.window, self.camera = matrix, window, matrix.camera
        self.plugged = self.shown = True
        self.frozen = self.paused = False
        sizes = list(dict.fromkeys(size for _, size in sorted(self.camera.modes, key=lambda mode: mode[1])))
        self.sizes, self.row = sizes, 0

    def possible(self):
        words = ["pause"]
        if self.shown:
            words.append("other")
            if self.plugged and not self.frozen and not self.paused:
                words += ["size"] if len(self.sizes) > 1 else []
        else:
            words.append("camera")
        words.append("unplug" if self.plugged else "plug")
        if self.plugged and self.camera.can("freeze"):
            words.append("thaw" if self.frozen else "freeze")
        return words

    def make(self, word):
        """Makes a change; says what came of it."""
        began = time.time()
        if word == "pause":
            self.window.keys("space")
            self.paused = not self.paused
        elif word == "size":
            # The two smallest, or as is usual.
            self.row = (self.row + 1) % min(3, len(self.sizes) + 1)
            choose(self.window, SIZE_AT, self.row)
        elif word == "other":
            open_source(self.window, self.matrix.args.other)
            # Another source ends a pause.
            self.shown = self.paused = False
        elif word == "camera":
            open_source(self.window, self.camera.link or f"camera:{self.camera.name}")
            self.shown, self.paused = True, False
        elif word == "unplug":
            unplug(self.camera, self.window) if self.shown else self.camera.do("unplug")
            self.plugged = self.frozen = False
        elif word == "plug":
            began = self.camera.plug()
            self.plugged = True
        else:
            self.camera.do(word)
            self.frozen = word == "freeze"
        return self.settled(word, began)

    def settled(self, word, began):
        """Waits until the window is as it has to be after the change."""
        gives = self.plugged and not self.frozen
        if word == "other":
            return self.window.wait_for("source opened", began).text
        if not self.shown or word == "pause":
            time.sleep(2)
            return "as before"
        if not gives:
            return self.window.wait_for("waiting for a source|no pictures, next try", began).text[:60]
        if self.paused:
            time.sleep(5)
            return "paused"
        if word == "thaw" and not self.window.since(began - 10, "no pictures, next try"):
            return "it was not noticed"
        entry = self.window.pictures(began)
        size = self.window.since(began, "source opened")[-1].size() if self.window.since(began, "source opened") else ""
        return f"pictures after {entry.stamp - began:.1f} s {size}"

    def settle(self):
        """Everything as at first."""
        for is_off, word in ((self.paused, "pause"), (self.frozen, "thaw"), (not self.plugged, "plug"), (not self.shown, "camera")):
            if is_off:
                self.make(word)
        while self.row != 0:
            self.make("size")


def changes(matrix):
    """50 changes in a row."""
    random.seed(matrix.args.seed)
    window = matrix.open(settings_panel=True)
    window.focus()
    matrix.shows(window, window.began, "streaming")
    time.sleep(3)
    before, done = window.settings(), Changes(matrix, window)
    warm = None
    for number in range(1, WARM_UP + CHANGES + 1):
        word = random.choice(done.possible())
        seen = done.make(word)
        matrix.say(f"change {number}, {word}", "the window does it", seen, window.process.poll() is None)
        if number == WARM_UP:
            done.settle()
            warm = least(window)
            print(f"        after {WARM_UP} changes to warm up: {told(warm)}", flush=True)
    done.settle()
    last = least(window)
    matrix.shot(window, "after")
    matrix.say(f"files after {CHANGES} changes", f"{warm[0]}", last[0], last[0] <= warm[0])
    matrix.say(f"threads after {CHANGES} changes", f"{warm[1]}", last[1], last[1] <= warm[1])
    matrix.say(f"memory after {CHANGES} changes", f"at most {100 * MORE_MEMORY:.0f} % above {warm[2]:.0f} MB", f"{last[2]:.0f} MB",
               last[2] <= warm[2] * (1 + MORE_MEMORY))
    matrix.tries(window, "tries meanwhile")
    matrix.close(window)
    after = window.settings()
    for settings in (before, after):
        # What was shown last is remembered, as it should be.
        # What the command line named is remembered as well, in its own time.
        for name in ("source", "recent_sources", "weights", "recent_weights"):
            settings.pop(name, None)
    changed = [name for name in before if before[name] != after.get(name)]
    matrix.say("settings afterwards", "as before", f"other: {changed}" if changed else "as before", not changed)


def least(window):
    """The least that it takes within some seconds: a camera that is being opened takes more for a moment."""
    taken = []
    for _ in range(12):
        taken.append(window.takes())
        time.sleep(1)
    return tuple(min(column) for column in zip(*taken))


def told(taken):
    return f"{taken[0]} files, {taken[1]} threads, {taken[2]:.0f} MB"


PARTS = {"modes": modes, "formats": formats, "unread": unread, "replug": replug, "record": record, "freeze": freeze, "odd": odd,
         "changes": changes}
