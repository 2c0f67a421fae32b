#!/usr/bin/env python3
"""The figures of a net's card: how far its points are off on the test pictures of persons outside its training data, on the whole
test set of the course, and on the pictures of 300-W held back, with the box of the labels and as the program finds faces.

    scripts/figures.py NET --youtube-faces DIR --also DIR2 --out FOLDER

NET     a weights file, or the name of a bundled net
FOLDER  predictions and scores as evaluate writes them, and table.md, which is printed as well

"Offset away": without the net's mean offset from the labels of YouTube-Faces, learned from its predictions for training pictures
of other persons. Needs Python 3.10 and a built program. About 5 minutes on one core.
"""
import argparse
import json
from pathlib import Path

from folds import ROOT, call, names_in

WEIGHTS = ROOT / "weights"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", metavar="NET")
    parser.add_argument("--youtube-faces", type=Path, required=True, metavar="DIR")
    parser.add_argument("--also", type=Path, required=True, metavar="DIR2")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--boxes", type=lambda text: text.split(","), default=["labels", "detector"], metavar="KIND,KIND")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/pinkpoint")
    return parser.parse_args()


class Scorer:
    """Runs evaluate and keeps what it says."""

    def __init__(self, args):
        self.args, self.rows = args, []
        faces = args.youtube_faces
        self.training, self.test = ((faces / f"{part}_frames_keypoints.csv", faces / part) for part in ("training", "test"))
        self.extra = (args.also / "keypoints.csv", args.also / "images")

    def score(self, what, pictures, boxes, names=None, bias=None):
        labels, images = pictures
        stem = what.replace(" ", "-").replace(",", "") + f"-{boxes}"
        out, predictions = self.args.out / f"{stem}.json", self.args.out / f"{stem}.csv"
        call(self.args, "evaluate", "--weights", self.args.net, "--labels", labels, "--images", images, "--boxes", boxes,
             "--json", out, "--predictions", predictions, *(["--names", names] if names else []),
             *(["--bias", bias, "--bias-labels", self.training[0]] if bias else []))
        row = json.loads(out.read_text())
        self.rows.append((what, boxes, row))
        if bias:
            self.rows.append((f"{what}, offset away", boxes, row | row["offset_away"]))
        return predictions

    def table(self):
        percent = lambda value, digits=2: "-" if value is None else f"{100 * value:.{digits}f}"
        groups = list(self.rows[0][2]["groups"])
        head = ["pictures", "box", "n", "missed", "NME mean %", "95 %", "median %", *groups, "further faces", "hard faces, mean % (n)"]
        lines = [head, ["---"] * len(head)]
        for what, boxes, row in self.rows:
            low, high = row["nme_io_interval"] or (None, None)
            hard = ", ".join(f"{c['condition']} {percent(c['nme_io_mean'])} ({c['n']})" for c in row["conditions"] if c["n"])
            further = f"{row['extra_faces']:.3f}" if boxes == "detector" else "-"
            lines.append([what, boxes, str(row["n"]), str(row["miss"]), percent(row["nme_io_mean"]), f"{percent(low)} to {percent(high)}",
                          percent(row["nme_io_median"]), *(percent(row["groups"][g], 1) for g in groups), further, hard])
        return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    fold = (WEIGHTS / "fold-0.txt").read_text().split()
    persons = {name.rsplit("_", 1)[0] for name in fold}
    scorer = Scorer(args)
    others = args.out / "others.txt"
    others.write_text("\n".join(n for n in names_in(scorer.training[0]) if n.rsplit("_", 1)[0] not in persons) + "\n")
    first = args.boxes[0]
    bias = scorer.score("training pictures", scorer.training, first, others)
    scorer.rows.clear()
    for boxes in args.boxes:
        scorer.score("fold 0", scorer.test, boxes, WEIGHTS / "fold-0.txt", bias)
        scorer.score("all 770", scorer.test, boxes, None, bias)
        if boxes != "image":
            scorer.score("300-W held back", scorer.extra, boxes, WEIGHTS / "held-back.txt")
            scorer.score("300-W held back, occluded", scorer.extra, boxes, WEIGHTS / "occluded.csv")
    text = scorer.table()
    (args.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
