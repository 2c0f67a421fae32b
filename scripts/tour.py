#!/usr/bin/env python3
"""Takes the pictures of the window that the README shows, one of them moving: opens the real window on a virtual screen, presses
the keys that a person would, and saves what is seen.

    scripts/tour.py [--program PROGRAM] [--out FOLDER] [--only NAME,NAME]

Needs Xvfb and xdotool, which setup.sh installs, import of ImageMagick, ffmpeg and img2webp (apt install imagemagick ffmpeg
webp). Look at the pictures before they are committed: a busy machine may not have come to rest.
"""
import argparse
import contextlib
import json
import subprocess
import tempfile
import time
from pathlib import Path

from screen import Screen

ROOT = Path(__file__).resolve().parent.parent
SIZE = (1280, 800)
# What is given to the program, keys and mouse in turn ("1.5" waits so many seconds), settings that are not as at first.
PICTURES = {
    "window": (["--source", "demo"], [], {}),
    "overlay": (["--source", "demo"], ["l", "n", "i", "o", "m", "f", "2"], {}),
    "compare": (["--source", "demo"], ["m", "f", "l", "2"], {"compared": "course-long"}),
    "palette": (["--source", "demo"], ["ctrl+p", "0.5", "type:con", "1"], {}),
    "performance": (["--source", "demo"], ["h", "20"], {}),
    "inside": (["--source", "demo"], ["f", "2"], {"view": {"looking": {"layer": "stage2", "strongest_first": True}}}),
    "why": (["--source", "demo"], ["w", "g", "f", "5"], {"view": {"looking": {"layer": "stage1", "pins": [
        {"layer": "stem", "number": 0}, {"layer": "stem", "number": 3}, {"layer": "stage2", "number": 5}, {"layer": "votes", "number": 36}]}}}),
    "light": (["--source", "demo"], ["ctrl+t", "1.5"], {}),
}

# What is done while the window is filmed.
MOVING = (["--source", "demo"], ["2", "l", "2.5", "t", "2", "t", "l", "m", "f", "1.5", "m", "f", "w", "3.5", "w", "0.5"], {})
# Frames a second, width in pixels, and quality of 100.
RATE, WIDTH, QUALITY = 8, 800, 50


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tour")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[*PICTURES, "moving"], metavar="NAME,NAME")
    return parser.parse_args()


def do(step, environment):
    if step.replace(".", "").isdigit():
        time.sleep(float(step))
    elif step.startswith("type:"):
        subprocess.run(["xdotool", "type", "--delay", "60", step.removeprefix("type:")], env=environment, check=True)
    else:
        subprocess.run(["xdotool", "key", "--delay", "60", step], env=environment, check=True)
        time.sleep(0.3)


@contextlib.contextmanager
def window(args, given, settings):
    """The window on a screen of its own, at rest; gives the environment of that screen."""
    screen = Screen(*SIZE)
    with tempfile.TemporaryDirectory() as home:
        environment = screen.environment(home)
        file = Path(home) / "settings.json"
        width, height = SIZE
        file.write_text(json.dumps({"window": {"width": width, "height": height}, **settings}))
        program = subprocess.Popen([args.program, *given, "--settings", file], env=environment)
        try:
            search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "Pinkpoint", "windowfocus", "--sync"]
            subprocess.run(search, env=environment, check=True, stdout=subprocess.DEVNULL)
            # Where it points at nothing.
            subprocess.run(["xdotool", "mousemove", str(SIZE[0] - 1), str(SIZE[1] - 1)], env=environment, check=True)
            time.sleep(5)
            yield environment
        finally:
            program.terminate()
            program.wait()
            screen.close()


def take(args, name):
    given, steps, settings = PICTURES[name]
    with window(args, given, settings) as environment:
        for step in steps:
            do(step, environment)
        path = args.out / f"{name}.jpg"
        subprocess.run(["import", "-window", "root", "-quality", "90", path], env=environment, check=True)
    return path


def film(args):
    given, steps, settings = MOVING
    width, height = SIZE
    path = args.out / "moving.webp"
    quiet = ["ffmpeg", "-nostdin", "-y", "-loglevel", "error"]
    with tempfile.TemporaryDirectory() as folder, window(args, given, settings) as environment:
        raw = Path(folder) / "raw.mkv"
        grab = ["-f", "x11grab", "-draw_mouse", "0", "-framerate", str(RATE), "-video_size", f"{width}x{height}"]
        recorder = subprocess.Popen([*quiet, *grab, "-i", environment["DISPLAY"], "-c:v", "ffv1", raw], env=environment)
        for step in steps:
            do(step, environment)
        recorder.terminate()
        recorder.wait()
        subprocess.run([*quiet, "-i", raw, "-vf", f"scale={WIDTH}:-1:flags=lanczos", f"{folder}/%04d.png"], check=True)
        # Every frame by itself: what others keep of the frames before is seen as blocks in a picture that moves slowly.
        frames = sorted(Path(folder).glob("*.png"))
        subprocess.run(["img2webp", "-loop", "0", "-kmin", "0", "-kmax", "1", "-lossy", "-q", str(QUALITY), "-m", "6", "-d",
                        str(1000 // RATE), *frames, "-o", path], check=True, stdout=subprocess.DEVNULL)
    return path


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        print(film(args) if name == "moving" else take(args, name))


if __name__ == "__main__":
    main()
