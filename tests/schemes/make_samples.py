"""Makes five/ and points68.csv: eight views of the face in assets/demo.jpg, moved, turned, resized and mirrored, with labels.

    pinkpoint annotate assets/demo.jpg --keypoints DEMO.csv
    python3 tests/schemes/make_samples.py DEMO.csv

Needs Pillow. The labels are what the net of weights/pinkpoint.pt gives for the whole picture; nobody placed them by hand.
"""

import csv
import math
import pathlib
import random
import sys

from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
SIDE = 160
VIEWS = 8
# Where the 68 points of iBUG lie in a mirror picture.
PAIRS = [(i, 16 - i) for i in range(8)] + [(i, 43 - i) for i in range(17, 22)] + [(31, 35), (32, 34)]
PAIRS += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
PAIRS += [(48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)]
MIRROR = list(range(68))
for a, b in PAIRS:
    MIRROR[a], MIRROR[b] = b, a


def middle(points):
    return [sum(p[axis] for p in points) / len(points) for axis in (0, 1)]


def five(points):
    """Centres of the eyes, tip of the nose, corners of the mouth."""
    return [middle(points[36:42]), middle(points[42:48]), points[30], points[48], points[54]]


def view(picture, points, rng, mirrored):
    """A square part of the picture around the face, and the points in it."""
    if mirrored:
        picture = ImageOps.mirror(picture)
        points = [[picture.width - 1 - points[MIRROR[i]][0], points[MIRROR[i]][1]] for i in range(68)]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    face = max(max(xs) - min(xs), max(ys) - min(ys))
    centre = [(max(xs) + min(xs)) / 2 + face * rng.uniform(-0.2, 0.2), (max(ys) + min(ys)) / 2 + face * rng.uniform(-0.2, 0.1)]
    scale = face * rng.uniform(1.7, 2.3) / SIDE
    lean = math.radians(rng.uniform(-12, 12))
    cos, sin = math.cos(lean) * scale, math.sin(lean) * scale
    half = (SIDE - 1) / 2
    # From the pixels' centres of the view to those of the picture; Pillow counts from their corners.
    ax, ay = centre[0] - cos * half + sin * half, centre[1] - sin * half - cos * half
    corner = (ax - 0.5 * cos + 0.5 * sin + 0.5, ay - 0.5 * sin - 0.5 * cos + 0.5)
    seen = picture.transform(
        (SIDE, SIDE), Image.Transform.AFFINE, (cos, -sin, corner[0], sin, cos, corner[1]), Image.Resampling.BICUBIC
    )
    inverse = scale * scale
    placed = [
        [(cos * (x - ax) + sin * (y - ay)) / inverse, (cos * (y - ay) - sin * (x - ax)) / inverse] for x, y in points
    ]
    return seen, placed


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for name, points in rows:
            writer.writerow([name] + [f"{value:.2f}" for point in points for value in point])


def main():
    row = next(csv.DictReader(open(sys.argv[1])))
    points = [[float(row[f"{axis}{i}"]) for axis in "xy"] for i in range(68)]
    picture = Image.open(HERE.parent.parent / "assets/demo.jpg").convert("RGB")
    rng = random.Random(5)
    rows = []
    for number in range(VIEWS):
        seen, placed = view(picture, points, rng, mirrored=number % 2 == 1)
        name = f"view-{number}.jpg"
        seen.save(HERE / "five/images" / name, quality=85)
        rows.append((name, placed))
    write(HERE / "points68.csv", ["name"] + [f"{axis}{i}" for i in range(68) for axis in "xy"], rows)
    names = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
    columns = ["image"] + [f"{name}_{axis}" for name in names for axis in "xy"]
    write(HERE / "five/keypoints.csv", columns, [(name, five(placed)) for name, placed in rows])


if __name__ == "__main__":
    main()
