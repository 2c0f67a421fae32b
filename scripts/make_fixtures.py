"""Makes tests/weights/ and the nets of tests/schemes/: small nets as people export them from Python, what they give there, and files that are no nets.

    python3 scripts/make_fixtures.py                      # all but exported.pt
    python3 scripts/make_fixtures.py --steady             # only the nets that see a face everywhere
    python3 scripts/make_fixtures.py --schemes            # only tests/schemes/notebook-*.pt
    python3 scripts/make_fixtures.py --exported NET.pt    # checks a net exported by pinkpoint, see tests/weights/README.md

Needs Python's torch, which neither the program nor its tests need. What is captured goes to captured.json.
"""

import argparse
import json
import math
import pathlib
import warnings
import zipfile
from typing import Dict, List, Tuple

import torch
import torch._sources
from torch import Tensor, nn
from torch.nn import functional as F

from make_templates import without_debug_info

warnings.filterwarnings("ignore", category=DeprecationWarning)
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/weights"
CAPTURED = FOLDER / "captured.json"
SCHEMES = FOLDER.parent / "schemes"
# For every part by itself: what it makes is the same whatever is made before it.
SEED = 68
# Of a layer's maps about this many values are kept, evenly spaced: any difference shows, and the file stays small.
KEPT = 150


def forget_folders():
    """TorchScript notes in which file each line of a net's source was; the folders are nobody's business."""
    whole = torch._sources.get_source_lines_and_file

    def short(*arguments, **options):
        lines, number, path = whole(*arguments, **options)
        return lines, number, path and pathlib.Path(path).name

    torch._sources.get_source_lines_and_file = short
    torch.jit.frontend.get_source_lines_and_file = short


def crops(count: int, side: int) -> Tensor:
    """[count, 1, side, side]; tests/weights.rs makes the same numbers."""
    i = torch.arange(count).view(-1, 1, 1, 1)
    y = torch.arange(side).view(1, 1, -1, 1)
    x = torch.arange(side).view(1, 1, 1, -1)
    return ((7 * x + 13 * y + x * y // 5 + 29 * i) % 256).float() / 255


class Notebook(nn.Module):
    """As people write it in a notebook: 224 pixels, [n, 136]."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 4, 5)
        self.c2 = nn.Conv2d(4, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(4, 4)
        self.drop = nn.Dropout(p=0.4)
        self.dense1 = nn.Linear(8 * 3 * 3, 32)
        self.dense2 = nn.Linear(32, 136)

    def forward(self, x):
        x = self.pool(F.relu(self.c1(x)))
        x = self.pool(F.relu(self.bn(self.c2(x))))
        x = self.pool(x)
        x = x.view(x.size(0), -1)
        x = self.drop(F.relu(self.dense1(x)))
        return self.dense2(x)


class Stacked(nn.Module):
    """Layers in containers: 224 pixels, [n, 136]."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 3, 7, stride=2), nn.ELU(), nn.MaxPool2d(4), nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(4)
        )
        self.regressor = nn.Sequential(nn.Flatten(), nn.Linear(6 * 6 * 6, 136))

    def forward(self, x):
        return self.regressor(self.features(x))


class Pairs(nn.Module):
    """96 pixels, [n, 68, 2], its layers' outputs by name."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 5)
        self.body = nn.Conv2d(4, 6, 3)
        self.head = nn.Linear(6 * 5 * 5, 136)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 4)
        x = F.max_pool2d(F.relu(self.body(x)), 4)
        return self.head(x.flatten(1)).view(-1, 68, 2)

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> Dict[str, Tensor]:
        stem = self.stem(x)
        body = self.body(F.max_pool2d(F.relu(stem), 4))
        head = self.head(F.max_pool2d(F.relu(body), 4).flatten(1))
        return {"stem": stem, "body": body, "head": head}


class Listed(nn.Module):
    """64 pixels, 5 points, its layers' outputs as a list."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 9)
        self.fc = nn.Linear(2 * 7 * 7, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.max_pool2d(F.relu(self.conv(x)), 8).flatten(1))

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> List[Tensor]:
        conv = self.conv(x)
        return [conv, self.fc(F.max_pool2d(F.relu(conv), 8).flatten(1))]


class Tupled(Listed):
    """The same as a tuple."""

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        conv = self.conv(x)
        return conv, self.fc(F.max_pool2d(F.relu(conv), 8).flatten(1))


class Wrong(nn.Module):
    """Seven values per picture: no keypoints."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(32 * 32, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.avg_pool2d(x, 7).flatten(1))


class Heatmaps(nn.Module):
    """Pictures out: keypoints in another form."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Colour(nn.Module):
    """Three channels in."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean([2, 3])


class TwoOutputs(nn.Module):
    """A tuple out."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(32 * 32, 10)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        points = self.fc(F.avg_pool2d(x, 7).flatten(1))
        return points, points.sum(1)


class OneFaceOnly(nn.Module):
    """Forgets that there may be several faces."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(32 * 32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.avg_pool2d(x[:1], 7).flatten(1))


class Steady(nn.Module):
    """Sees the same face in whatever it is shown, a little apart from the crop's edges: 68 points, values -1 to 1.

    Only the nose tip (point 30) goes to the right, the brighter the crop: tests tell from it which picture was seen.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        across = torch.linspace(-0.7, 0.7, 17)
        jaw = torch.stack([across, 0.7 - 1.3 * (across / 0.7) ** 4], 1)
        brows = torch.stack([torch.linspace(-0.6, 0.6, 10), torch.full((10,), -0.7)], 1)
        nose = torch.stack([torch.zeros(9), torch.linspace(-0.4, 0.2, 9)], 1)
        eyes = torch.stack([torch.cat([torch.linspace(-0.5, -0.2, 6), torch.linspace(0.2, 0.5, 6)]), torch.full((12,), -0.4)], 1)
        eyes[9], eyes[11] = eyes[11].clone(), eyes[9].clone()  # point 45 is the outer corner
        mouth = torch.stack([torch.linspace(-0.3, 0.3, 20), torch.full((20,), 0.45)], 1)
        self.register_buffer("face", torch.cat([jaw, brows, nose, eyes, mouth]).flatten())
        self.register_buffer("nose_tip", F.one_hot(torch.tensor(60), 136).float())

    def forward(self, x: Tensor) -> Tensor:
        return self.face + 0.35 * self.nose_tip * x.mean([1, 2, 3]).unsqueeze(1)

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> Dict[str, Tensor]:
        return {"conv1": self.conv1(x), "face": self.forward(x)}


# Where the points of a face usually are: the left half of it, in sizes of the face from its middle.
LEFT_EYE, LEFT_MOUTH, NOSE_TIP = (-0.21, -0.29), (-0.16, 0.16), (0.0, -0.05)


def mirrored(points):
    return [(-x, y) for x, y in points]


def ellipse(centre, width, height, count, start, end):
    """Points on an ellipse, by angles in parts of a turn, clockwise from the left."""
    turns = [2 * math.pi * (start + (end - start) * i / max(count - 1, 1)) for i in range(count)]
    return [(centre[0] - width / 2 * math.cos(t), centre[1] - height / 2 * math.sin(t)) for t in turns]


def five_points():
    return [LEFT_EYE, *mirrored([LEFT_EYE]), NOSE_TIP, LEFT_MOUTH, *mirrored([LEFT_MOUTH])]


def kaggle_points():
    left = {"eye": LEFT_EYE, "inner": (-0.13, -0.28), "outer": (-0.28, -0.29), "brow in": (-0.12, -0.42), "brow out": (-0.37, -0.4)}
    right = {name: (-x, y) for name, (x, y) in left.items()}
    eyes = [right["eye"], left["eye"], right["inner"], right["outer"], left["inner"], left["outer"]]
    brows = [right["brow in"], right["brow out"], left["brow in"], left["brow out"]]
    return eyes + brows + [NOSE_TIP, *mirrored([LEFT_MOUTH]), LEFT_MOUTH, (0.0, 0.11), (0.0, 0.24)]


def wflw_points():
    jaw = [(-0.49 * math.cos(math.pi * i / 32), -0.27 + 0.75 * math.sin(math.pi * i / 32) ** 0.8) for i in range(33)]
    upper = [(-0.37, -0.4), (-0.31, -0.45), (-0.24, -0.47), (-0.17, -0.46), (-0.11, -0.44)]
    lower = [(-0.12, -0.41), (-0.18, -0.42), (-0.24, -0.43), (-0.31, -0.42)]
    right_brow = mirrored(upper[::-1]) + mirrored(lower[::-1])
    nose = [(0.0, -0.28 + 0.23 * i / 3) for i in range(4)] + [(-0.08 + 0.04 * i, [0, 0.01, 0.02, 0.01, 0][i]) for i in range(5)]
    eye = ellipse(LEFT_EYE, 0.15, 0.05, 5, 0, 0.5) + ellipse(LEFT_EYE, 0.15, 0.05, 5, 0.5, 1)[1:4]
    right_eye = mirrored(eye[4::-1]) + mirrored(eye[:4:-1])
    outer = ellipse((0, 0.17), 0.33, 0.13, 7, 0, 0.5) + ellipse((0, 0.17), 0.33, 0.13, 7, 0.5, 1)[1:6]
    inner = ellipse((0, 0.17), 0.28, 0.04, 5, 0, 0.5) + ellipse((0, 0.17), 0.28, 0.04, 5, 0.5, 1)[1:4]
    return jaw + upper + lower + right_brow + nose + eye + right_eye + outer + inner + [LEFT_EYE, *mirrored([LEFT_EYE])]


class Guesses(nn.Module):
    """A net of a notebook that has learned hardly more than where the points of a face usually are: it moves them a little by
    what it sees."""

    def __init__(self, points, side: int, scale: float, offset: float):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.pool = nn.MaxPool2d(4, 4)
        self.all = nn.AvgPool2d(((side - 4) // 4 - 2) // 4)
        self.fc1 = nn.Linear(8, 2 * len(points))
        # The face as whole pictures of the course show it: its size and place in a crop (CropRule::COURSE).
        size = side / 2.04
        middle = (side / 2 - 0.5, side / 2 - 0.5 + 0.13 * size)
        pixels = torch.tensor([[x * size + middle[0], y * size + middle[1]] for x, y in points])
        self.fc1.weight.data.mul_(0.02)
        self.fc1.bias.data = ((pixels - offset) / scale).flatten()

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return self.fc1(self.all(x).flatten(1))


def filling_a_face(points, size: float, down: float):
    """The points moved and resized so that the face around them, so many long sides of their box large and that much lower, is 1
    large and at 0: a face that is followed by guesses stays where it is."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    long_side = max(max(xs) - min(xs), max(ys) - min(ys))
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2 + down * long_side)
    return [((x - middle[0]) / long_side / size, (y - middle[1]) / long_side / size) for x, y in points]


def make_schemes():
    """Nets as notebooks save them, which say nothing of what their points are."""
    torch.manual_seed(SEED)
    for name, points, side, scale, offset in [
        ("notebook-5", filling_a_face(five_points(), 2.0, 0.136), 224, 50.0, 100.0),
        ("notebook-15", filling_a_face(kaggle_points(), 1.3, 0.136), 96, 48.0, 48.0),
        ("notebook-98", filling_a_face(wflw_points(), 1.0, 0.0), 224, 50.0, 100.0),
        # As many points as no scheme has: those of the mouth.
        ("notebook-20", wflw_points()[76:96], 224, 50.0, 100.0),
    ]:
        net = torch.jit.script(Guesses(points, side, scale, offset).eval())
        net.save(SCHEMES / f"{name}.pt")


def capture(net, side: int, maps: bool) -> dict:
    """What the net gives in Python for three crops, and its layers' outputs for the first."""
    with torch.no_grad():
        output = net(crops(3, side))
        record = {"side": side, "points": output[0].numel() // 2, "output": output.flatten().tolist(), "maps": []}
        if maps:
            layers = net.feature_maps(crops(1, side))
            if not isinstance(layers, dict):
                layers = {f"layer {i + 1}": layer for i, layer in enumerate(layers)}
            for name, layer in layers.items():
                shape = list(layer.shape[1:]) + [1] * (4 - layer.dim())
                stride = layer.numel() // KEPT + 1
                values = layer.float().flatten()[::stride].tolist()
                record["maps"].append({"name": name, "shape": shape, "stride": stride, "values": values})
        return record


def own_contract() -> str:
    """A contract written by hand, as somebody would for a net of their own."""
    return json.dumps(
        {
            "format": 1,
            "name": "five points",
            "input_side": 64,
            "output": {"scale": 32.0, "offset": 31.5},
            "crop": {"margin": 1.5, "shift_down": 0.1},
            "scheme": {
                "name": "corners and nose",
                "count": 5,
                "groups": [{"name": "eyes", "points": [0, 1]}, {"name": "rest", "points": [2, 3, 4]}],
                "contours": [{"name": "mouth", "points": [3, 4], "closed": False}],
                "mirror": [1, 0, 2, 4, 3],
                "inter_ocular": [0, 1],
            },
        }
    )


def make_nets() -> dict:
    torch.manual_seed(SEED)
    captured = {}

    def add(name, saved, side, maps=False, runs=None, extra=None):
        torch.jit.save(saved, FOLDER / name, _extra_files=extra or {})
        if name in ("traced.pt", "frozen.pt"):  # they note where they were traced, which forget_folders does not reach
            (FOLDER / name).write_bytes(without_debug_info((FOLDER / name).read_bytes()))
        captured[name] = capture(saved if runs is None else runs, side, maps)

    notebook = Notebook()
    notebook.bn.running_mean.uniform_(-0.2, 0.2)
    notebook.bn.running_var.uniform_(0.5, 1.5)
    notebook.eval()
    # Saved in training mode, as happens: the program has to turn dropout off itself.
    scripted = torch.jit.script(notebook)
    scripted.train()
    add("scripted.pt", scripted, 224, runs=notebook)
    scripted.eval()
    add("frozen.pt", torch.jit.freeze(torch.jit.script(notebook)), 224)
    add("traced.pt", torch.jit.trace(Stacked().eval(), torch.rand(1, 1, 224, 224)), 224)
    add("pairs-96.pt", torch.jit.script(Pairs().eval()), 96, maps=True)
    add("listed-64.pt", torch.jit.script(Listed().eval()), 64, maps=True)
    add("tupled-64.pt", torch.jit.script(Tupled().eval()), 64, maps=True)
    add("contract-64.pt", torch.jit.script(Listed().eval()), 64, maps=True, extra={"pinkpoint.json": own_contract()})
    half = torch.jit.script(Notebook().eval()).half()
    torch.jit.save(half, FOLDER / "half.pt")
    captured["half.pt"] = capture(half.float(), 224, maps=False)
    return captured


def make_steady():
    """Two of them, so that one can take the place of the other."""
    torch.manual_seed(SEED)
    for side in [64, 96]:
        half = side / 2
        contract = {
            **json.loads(own_contract()),
            "name": f"steady {side}",
            "input_side": side,
            "output": {"scale": half, "offset": half - 0.5},
            "crop": {"margin": 1.43},
            "scheme": {
                "name": "68 points",
                "count": 68,
                "groups": [{"name": "jaw", "points": list(range(17))}, {"name": "rest", "points": list(range(17, 68))}],
                "contours": [],
                "mirror": [],
                "inter_ocular": [36, 45],
            },
        }
        extra = {"pinkpoint.json": json.dumps(contract)}
        torch.jit.save(torch.jit.script(Steady().eval()), FOLDER / f"steady-{side}.pt", _extra_files=extra)


def make_others():
    torch.manual_seed(SEED)
    for name, net in [
        ("wrong-output.pt", Wrong()),
        ("heatmaps.pt", Heatmaps()),
        ("colour.pt", Colour()),
        ("two-outputs.pt", TwoOutputs()),
        ("one-face-only.pt", OneFaceOnly()),
    ]:
        torch.jit.script(net.eval()).save(FOLDER / name)
    spoilt = Listed().eval()
    spoilt.fc.bias.data[3] = float("nan")
    torch.jit.script(spoilt).save(FOLDER / "nan.pt")
    net = Listed()
    torch.save(net.state_dict(), FOLDER / "state-dict.pt")
    torch.save(net.state_dict(), FOLDER / "state-dict-old.pt", _use_new_zipfile_serialization=False)
    optimizer = torch.optim.Adam(net.parameters())
    torch.save({"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}, FOLDER / "checkpoint.pt")
    torch.save(net, FOLDER / "pickled-net.pt")


def check_exported(path: pathlib.Path) -> dict:
    """Runs a net that pinkpoint exported, and keeps it compressed: its made-up parameters repeat themselves."""
    extra = {"pinkpoint.json": ""}
    net = torch.jit.load(path, _extra_files=extra).float()
    record = capture(net, 224, maps=True)
    record["contract"] = json.loads(extra["pinkpoint.json"])
    record["parameters"] = {name: list(p.shape) for name, p in net.named_parameters()}
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(FOLDER / "exported.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as to:
        for entry in source.infolist():
            to.writestr(zipfile.ZipInfo(entry.filename), source.read(entry), zipfile.ZIP_DEFLATED)
    again = capture(torch.jit.load(FOLDER / "exported.pt").float(), 224, maps=True)
    assert again["output"] == record["output"], "compressed and not, it is the same net"
    return record


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exported", type=pathlib.Path)
    parser.add_argument("--steady", action="store_true")
    parser.add_argument("--schemes", action="store_true")
    arguments = parser.parse_args()
    exported = arguments.exported
    captured = json.loads(CAPTURED.read_text()) if CAPTURED.exists() else {}
    forget_folders()
    if arguments.schemes:
        make_schemes()
        return
    if exported:
        captured["exported.pt"] = check_exported(exported)
        keep(captured)
        return
    make_steady()
    if arguments.steady:
        return
    make_schemes()
    captured.update(make_nets())
    make_others()
    keep(captured)


def keep(captured: dict):
    CAPTURED.write_text("{\n" + ",\n".join(f'"{name}": {json.dumps(r)}' for name, r in sorted(captured.items())) + "\n}\n")


if __name__ == "__main__":
    main()
