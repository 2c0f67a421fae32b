#!/usr/bin/env python3
"""What each ingredient of our net's recipe gives: trains it a short while with one of them changed at a time, and scores every
run on pictures that were put aside for choosing (weights/choosing.txt), and that no figure anywhere else is made of.

    scripts/ablations.py --youtube-faces DIR --also DIR2 --out RUNS [--only NAME,NAME]

RUNS/NAME/    a run (checkpoint, metrics, net), its predictions and scores; one that was stopped goes on, one that is done is kept
RUNS/table.md the scores of all runs that are there

The pictures put aside are of DIR2. The persons of weights/fold-0.txt and the pictures of weights/held-back.txt are not trained on,
and not looked at. Needs Python 3.10 and a built program. About 10 minutes a run on one core.
"""
import argparse
import json
import subprocess
from pathlib import Path

from folds import ROOT, flags

VARIANTS = {
    "recipe": ("the recipe", []),
    "seed-2": ("another seed: what chance does", ["--seed", 2]),
    "no-offsets": ("labels of both sets taken to mean the same", ["--label-offsets", "false"]),
    "l1": ("L1 loss", ["--loss", "l1"]),
    "smooth-l1": ("smooth L1 loss", ["--loss", "smooth-l1"]),
    "mse": ("mean squared error", ["--loss", "mse"]),
    "no-average": ("last parameters instead of their average", ["--average", 0]),
    "constant": ("constant learning rate", ["--schedule", "constant"]),
    "adam": ("Adam without weight decay", ["--optimiser", "adam", "--weight-decay", 0]),
    "single": ("single precision", ["--precision", "single"]),
    "long": ("twice as long", ["--epochs", 80]),
    "very-long": ("four times as long", ["--epochs", 160]),
    "extra-only": ("without YouTube-Faces", None),
    "youtube-only": ("YouTube-Faces alone", None),
}
DATA = {"extra-only": ["also"], "youtube-only": ["youtube_faces"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--youtube-faces", type=Path, required=True, metavar="DIR")
    parser.add_argument("--also", type=Path, required=True, metavar="DIR2")
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(VARIANTS), metavar="NAME,NAME")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    return parser.parse_args()


def call(args, *command):
    subprocess.run([str(args.program), *map(str, command)], check=True)


def train(args, name, run):
    if (run / "net.pt").exists():
        return
    if (run / "checkpoint.safetensors").exists():
        return call(args, "train", "--resume", run)
    left_out = run / "left-out.txt"
    lists = ["choosing.txt", "held-back.txt", "fold-0.txt"]
    left_out.write_text("".join((ROOT / "weights" / part).read_text() for part in lists))
    folders = [getattr(args, part) for part in DATA.get(name, ["also", "youtube_faces"])]
    usual = {"--epochs": 40, "--precision": "bf16", "--validation": 0, "--threads": 1}
    changed = VARIANTS[name][1] or []
    usual.update(zip(changed[::2], changed[1::2]))
    call(args, "train", "--net", "pinkpoint", *flags("--data", folders), "--leave-out", left_out,
         "--leave-out-pictures", ROOT / "weights/excluded.csv",
         *(part for pair in usual.items() for part in pair), "--out", run)


def score(args, run):
    out = run / "choosing.json"
    if not out.exists():
        call(args, "evaluate", "--weights", run / "net.pt", "--labels", args.also / "keypoints.csv", "--images", args.also / "images",
             "--boxes", "labels", "--names", ROOT / "weights/choosing.txt", "--json", out, "--predictions", run / "choosing.csv")
    return json.loads(out.read_text())


def main():
    args = arguments()
    for name in args.only:
        run = args.out / name
        run.mkdir(parents=True, exist_ok=True)
        train(args, name, run)
        score(args, run)
    table = ["| what | NME mean % | median % |", "|---|---|---|"]
    for name, (what, _) in VARIANTS.items():
        if (args.out / name / "choosing.json").exists():
            row = score(args, args.out / name)
            table.append(f"| {what} | {100 * row['nme_io_mean']:.2f} | {100 * row['nme_io_median']:.2f} |")
    text = "\n".join(table) + "\n"
    (args.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
