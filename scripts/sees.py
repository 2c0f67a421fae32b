#!/usr/bin/env python3
"""Makes the figures of docs/sees.md: what `pinkpoint inspect` draws of the bundled nets for the demo's picture.

    scripts/sees.py [--program PROGRAM] [--out FOLDER]

Needs a built program and convert of ImageMagick (apt install imagemagick). Look at the figures before they are committed, and
read the page again: it says what is to be seen in them.
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "assets/demo.jpg"
# Nets, and the figures of each that the page shows, by the end of their names.
FIGURES = {
    "pinkpoint": ["filters", "filtered", "stage1", "votes", "why-36"],
    "course-long": ["filters", "relu1", "why-36"],
    "naimish": ["why-36"],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/sees")
    return parser.parse_args()


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    for net, figures in FIGURES.items():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([args.program, "inspect", net, "--image", PICTURE, "--out", folder], check=True, stdout=subprocess.DEVNULL)
            for figure in figures:
                (drawn,) = [file for file in Path(folder).iterdir() if file.stem == figure or file.stem[3:] == figure]
                subprocess.run(["convert", drawn, "-quality", "88", args.out / f"{net}-{figure}.jpg"], check=True)


if __name__ == "__main__":
    main()
