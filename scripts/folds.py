#!/usr/bin/env python3
"""Trains one net for each of five folds of persons (weights/folds.csv), without the persons of the fold, and scores each on
the YouTube-Faces test pictures of just those persons: every test picture is scored once, by a net that never saw the person.

    scripts/folds.py --youtube-faces DIR [--also DIR2] --out RUNS

--also          another data set, which is trained on as well, counts double, and whose labels say where points lie; of it the
                pictures named in weights/held-back.txt are left out, and scored by every fold's net
RUNS/fold-K/    the run (checkpoint, metrics, net), its predictions and scores; a run that was stopped goes on, one that is done is kept
RUNS/labels.csv, RUNS/detector.csv    the predictions for all test pictures together, with the box of the labels and of the detector
RUNS/table.md   the scores: inter-ocular NME as it is, and without the net's mean offset from these labels, which is learned from
                its predictions for training pictures

Needs Python 3.10 and a built program. About 30 minutes a fold on one core.
"""
import argparse
import csv
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--youtube-faces", type=Path, required=True, metavar="DIR")
    parser.add_argument("--also", type=Path, metavar="DIR2")
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS")
    parser.add_argument("--folds", type=lambda text: [int(k) for k in text.split(",")], default=[0, 1, 2, 3, 4], metavar="0,1,...")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    return parser.parse_args()


def persons_by_fold():
    with open(ROOT / "weights/folds.csv", newline="") as file:
        folds = {row["person"]: int(row["fold"]) for row in csv.DictReader(file)}
    return folds


def names_in(labels):
    with open(labels, newline="") as file:
        return [row[0] for row in list(csv.reader(file))[1:]]


def train(args, run, left_out):
    if (run / "net.pt").exists() and len(metrics := (run / "metrics.csv").read_text().splitlines()) > args.epochs:
        return print(f"{run}: done, {len(metrics) - 1} epochs")
    if (run / "checkpoint.safetensors").exists():
        return call(args, "train", "--resume", run, "--epochs", args.epochs)
    # The set whose labels say where points lie comes first. It is the smaller one, and has the better labels: twice.
    data = [folder for folder in (args.also, args.also, args.youtube_faces) if folder]
    call(args, "train", "--net", "pinkpoint", *flags("--data", data), "--leave-out", left_out,
         "--leave-out-pictures", ROOT / "weights/excluded.csv",
         "--threads", args.threads, "--precision", "bf16", "--validation", "0", "--epochs", args.epochs, "--out", run)


def flags(name, values):
    return [part for value in values for part in (name, value)]


def call(args, *command):
    subprocess.run([str(args.program), *map(str, command)], check=True)


def score(args, run, folder, labels, boxes, name, names=None, bias=None):
    """The figures of a run's net on labelled pictures; its predictions go to RUN/NAME.csv."""
    out = run / f"{name}.json"
    call(args, "evaluate", "--weights", run / "half.pt", "--labels", labels, "--images", folder, "--boxes", boxes,
         "--json", out, "--predictions", run / f"{name}.csv", *(["--names", names] if names else []),
         *(["--bias", bias[0], "--bias-labels", bias[1]] if bias else []))
    return json.loads(out.read_text())


def fold(args, number, folds):
    run = args.out / f"fold-{number}"
    run.mkdir(parents=True, exist_ok=True)
    faces = args.youtube_faces
    person = lambda name: name.rsplit("_", 1)[0]
    training, test = (names_in(faces / f"{part}_frames_keypoints.csv") for part in ("training", "test"))
    mine = [name for name in test if folds[person(name)] == number]
    others = [name for name in training if folds[person(name)] != number]
    held_back = (ROOT / "weights/held-back.txt").read_text().split() if args.also else []
    lists = {"left-out.txt": [*mine, *held_back], "mine.txt": mine, "others.txt": others}
    for name, lines in lists.items():
        (run / name).write_text("".join(f"{line}\n" for line in lines))
    train(args, run, run / "left-out.txt")
    call(args, "export", run / "checkpoint.safetensors", "--out", run / "half.pt", "--half", "--name", f"fold-{number}")
    training_labels, test_labels = (faces / f"{part}_frames_keypoints.csv" for part in ("training", "test"))
    score(args, run, faces / "training", training_labels, "labels", "training", run / "others.txt")
    bias = (run / "training.csv", training_labels)
    rows = {}
    for boxes in ("labels", "detector"):
        row = score(args, run, faces / "test", test_labels, boxes, boxes, run / "mine.txt", bias)
        rows[boxes, "as it is"], rows[boxes, "offset away"] = row, row["offset_away"]
        if args.also:
            rows[boxes, "held back"] = score(args, run, args.also / "images", args.also / "keypoints.csv", boxes,
                                             f"held-back-{boxes}", ROOT / "weights/held-back.txt")
    return rows


def main():
    args = arguments()
    folds = persons_by_fold()
    table = ["| box | points | fold | pictures | missed | NME mean % | median % |", "|---|---|---|---|---|---|---|"]
    done = {number: fold(args, number, folds) for number in args.folds}
    for boxes, what in next(iter(done.values())):
        rows = [done[number][boxes, what] for number in args.folds]
        for number, row in zip(args.folds, rows):
            table.append(line(boxes, what, number, row["n"], row["miss"], row["nme_io_mean"], row["nme_io_median"]))
        found = [row["n"] - row["miss"] for row in rows]
        sums = [count * row["nme_io_mean"] for count, row in zip(found, rows) if count]
        mean = sum(sums) / sum(found) if sums else None
        table.append(line(boxes, what, "all", sum(row["n"] for row in rows), sum(row["miss"] for row in rows), mean, None))
    text = "\n".join(table) + "\n"
    (args.out / "table.md").write_text(text)
    for boxes in ("labels", "detector"):
        parts = [(args.out / f"fold-{number}/{boxes}.csv").read_text().splitlines() for number in args.folds]
        lines = [parts[0][0], *(line for part in parts for line in part[1:])]
        (args.out / f"{boxes}.csv").write_text("\n".join(lines) + "\n")
    print(text)


def line(boxes, what, number, pictures, missed, mean, median):
    percent = lambda value: "" if value is None else f"{100 * value:.2f}"
    return f"| {boxes} | {what} | {number} | {pictures} | {missed} | {percent(mean)} | {percent(median)} |"


if __name__ == "__main__":
    main()
