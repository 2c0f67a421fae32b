#!/usr/bin/env python3
"""What each ingredient of our net's recipe gives: trains it a short while with one of them changed at a time, and scores every
run on pictures that were put aside for choosing (weights/choosing.txt), and that no figure anywhere else is made of.

    scripts/ablations.py --youtube-faces DIR --also DIR2 --out RUNS [--epochs N] [--only NAME,NAME]

--epochs      length of a run; those without a set, or with one counted once, take more, so as to see as many pictures

RUNS/NAME/    a run (checkpoint, metrics, net), its predictions and scores; one that was stopped goes on, one that is done is kept
RUNS/table.md the scores of all runs that are there

The pictures put aside are of DIR2. The persons of weights/fold-0.txt and the pictures of weights/held-back.txt are not trained on,
and not looked at. Needs Python 3.10 and a built program. About 3.5 minutes a run on one core with 10 epochs.
"""
import argparse
import json
from pathlib import Path

from folds import ROOT, call, flags

# Sets by the names of their options, the one that says where points lie first; one that is named twice counts double.
RECIPE = ["also", "also", "youtube_faces"]
# What is changed, how many times as many epochs, the options that change it, and the sets.
VARIANTS = {
    "recipe": ("the recipe", 1, [], RECIPE),
    "seed-2": ("the recipe, another seed", 1, ["--seed", 2], RECIPE),
    "long": ("twice as long", 2, [], RECIPE),
    "adamw": ("AdamW instead of Muon", 1, ["--optimiser", "adamw"], RECIPE),
    "constant": ("constant learning rate", 1, ["--schedule", "constant"], RECIPE),
    "no-average": ("last parameters instead of their average", 1, ["--average", 0], RECIPE),
    "no-offsets": ("labels of both sets taken to mean the same", 1, ["--label-offsets", "false"], RECIPE),
    "once": ("no set counts double", 1.33, [], ["also", "youtube_faces"]),
    "also-only": ("without YouTube-Faces", 4, [], ["also"]),
    "youtube-only": ("YouTube-Faces alone", 2, [], ["youtube_faces"]),
    "mse": ("mean squared error instead of Wing", 1, ["--loss", "mse"], RECIPE),
    "l1": ("L1", 1, ["--loss", "l1"], RECIPE),
    "smooth-l1": ("smooth L1", 1, ["--loss", "smooth-l1"], RECIPE),
    "soft-wing": ("Soft Wing", 1, ["--loss", "soft-wing"], RECIPE),
    "no-mirror": ("no picture mirrored", 1, ["--without", "mirror"], RECIPE),
    "no-cut-out": ("nothing hidden", 1, ["--without", "cut-out"], RECIPE),
    "as-taken": ("light, sharpness, noise as they are", 1, ["--without", "light,blur,coarse,noise,dim,jpeg"], RECIPE),
    "single": ("single precision instead of bf16", 1, ["--precision", "single"], RECIPE),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--youtube-faces", type=Path, required=True, metavar="DIR")
    parser.add_argument("--also", type=Path, required=True, metavar="DIR2")
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(VARIANTS), metavar="NAME,NAME")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    return parser.parse_args()


def train(args, name, run):
    if (run / "checkpoint.safetensors").exists():
        # Says that it is done where it is.
        return call(args, "train", "--resume", run)
    lists = [ROOT / "weights" / part for part in ("choosing.txt", "held-back.txt", "fold-0.txt")]
    left_out = run / "left-out.txt"
    left_out.write_text("".join(part.read_text() for part in lists))
    _, times, changed, sets = VARIANTS[name]
    precision = [] if "--precision" in changed else ["--precision", "bf16"]
    call(args, "train", "--net", "pinkpoint", *flags("--data", [getattr(args, part) for part in sets]), "--leave-out", left_out,
         "--leave-out-pictures", ROOT / "weights/excluded.csv", "--validation", 0, "--threads", 1, "--epochs", round(times * args.epochs),
         *precision, *changed, "--out", run)


def score(args, run):
    out = run / "choosing.json"
    if not out.exists():
        call(args, "evaluate", "--weights", run / "net.pt", "--labels", args.also / "keypoints.csv", "--images", args.also / "images",
             "--boxes", "labels", "--names", ROOT / "weights/choosing.txt", "--json", out, "--predictions", run / "choosing.csv")
    return json.loads(out.read_text())


def main():
    args = arguments()
    if unknown := set(args.only) - set(VARIANTS):
        raise SystemExit(f"there is no run {', '.join(sorted(unknown))}; there are: {', '.join(VARIANTS)}")
    for name in args.only:
        run = args.out / name
        run.mkdir(parents=True, exist_ok=True)
        train(args, name, run)
        score(args, run)
    table = ["| what | NME mean % | median % |", "|---|---|---|"]
    for name, (what, *_) in VARIANTS.items():
        if (args.out / name / "choosing.json").exists():
            row = score(args, args.out / name)
            table.append(f"| {what} | {100 * row['nme_io_mean']:.2f} | {100 * row['nme_io_median']:.2f} |")
    text = "\n".join(table) + "\n"
    (args.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
