#!/usr/bin/env python3
"""The table of persons never seen from the predictions in weights/, without training anything.

    scripts/score_folds.py LABELS.csv     (the data set's test_frames_keypoints.csv)

Prints for each fold and all of them the inter-ocular NME in %: as it is, and without the mean offset of the predictions from the
labels. The offset of a fold is learned from the predictions for the other four, point by point, in units of the eye distance;
scripts/folds.py learns it from predictions for training pictures, which are not kept here, so its figures differ a little.
Needs Python 3.10.
"""
import csv
import math
import sys
from pathlib import Path

from folds import persons_by_fold

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
# The outer eye corners.
LEFT, RIGHT = 36, 45


def points_in(path):
    """Name -> [(x, y), ...]; a face that was missed has none."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    points = lambda row: list(zip(map(float, row[1::2]), map(float, row[2::2])))
    return {row[0]: points(row) if row[1] else None for row in rows}


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    labels = points_in(sys.argv[1])
    folds = persons_by_fold()
    for boxes in ("labels", "detector"):
        predictions = points_in(WEIGHTS / f"folds-{boxes}.csv")
        fold = {name: folds[name.rsplit("_", 1)[0]] for name in predictions}
        found = [name for name, points in predictions.items() if points]
        eyes = {name: math.dist(labels[name][LEFT], labels[name][RIGHT]) for name in found}
        off = {name: [((px - lx) / eyes[name], (py - ly) / eyes[name])
                      for (px, py), (lx, ly) in zip(predictions[name], labels[name])] for name in found}

        def nme(names, offset):
            errors = [math.hypot(x - ox, y - oy) for name in names for (x, y), (ox, oy) in zip(off[name], offset)]
            return sum(errors)

        def mean_offset(names):
            return [tuple(sum(off[name][point][axis] for name in names) / len(names) for axis in (0, 1)) for point in range(68)]

        raw_sum = away_sum = 0
        for number in sorted(set(fold.values())):
            mine = [name for name in found if fold[name] == number]
            raw = nme(mine, [(0, 0)] * 68)
            away = nme(mine, mean_offset([name for name in found if fold[name] != number]))
            raw_sum, away_sum = raw_sum + raw, away_sum + away
            percent = lambda value: 100 * value / (68 * len(mine))
            missed = sum(fold[name] == number for name in predictions) - len(mine)
            print(f"box {boxes}, fold {number}: {len(mine)} pictures, {missed} missed, {percent(raw):.2f} as it is, {percent(away):.2f} offset away")
        percent = lambda value: 100 * value / (68 * len(found))
        print(f"box {boxes}, all: {len(found)} pictures, {percent(raw_sum):.2f} as it is, {percent(away_sum):.2f} offset away")


if __name__ == "__main__":
    main()
