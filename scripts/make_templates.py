"""Makes the TorchScript templates that `pinkpoint export` fills with trained parameters.

A template is a net's code without its numbers: every parameter is an empty tensor, so the file is small and is built
into the program. Run again only when a net's architecture changes; it needs Python's torch, which the program does not.

    python3 scripts/make_templates.py            # writes src/network/templates/*.pt
"""

import io
import pathlib
import sys
import zipfile
from typing import Dict, Final, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TEMPLATES = pathlib.Path(__file__).resolve().parent.parent / "src/network/templates"


class CourseCnn(nn.Module):
    """The layers of src/network/course_cnn.rs under the same names. Dropout does nothing in prediction: left out."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 7)
        self.conv2 = nn.Conv2d(16, 32, 5)
        self.conv3 = nn.Conv2d(32, 64, 3)
        self.conv4 = nn.Conv2d(64, 128, 3)
        self.conv5 = nn.Conv2d(128, 512, 3)
        self.fc1 = nn.Linear(512 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, 136)

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1, 224, 224] to [n, 2 * points]."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        x = F.max_pool2d(F.relu(self.conv4(x)), 2)
        x = F.max_pool2d(F.relu(self.conv5(x)), 2)
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> Dict[str, Tensor]:
        """The output of every layer, in order; `conv1` is that of the convolution itself."""
        maps: Dict[str, Tensor] = {}
        maps["conv1"] = self.conv1(x)
        maps["relu1"] = F.relu(maps["conv1"])
        maps["pool1"] = F.max_pool2d(maps["relu1"], 2)
        maps["conv2"] = self.conv2(maps["pool1"])
        maps["relu2"] = F.relu(maps["conv2"])
        maps["pool2"] = F.max_pool2d(maps["relu2"], 2)
        maps["conv3"] = self.conv3(maps["pool2"])
        maps["relu3"] = F.relu(maps["conv3"])
        maps["pool3"] = F.max_pool2d(maps["relu3"], 2)
        maps["conv4"] = self.conv4(maps["pool3"])
        maps["relu4"] = F.relu(maps["conv4"])
        maps["pool4"] = F.max_pool2d(maps["relu4"], 2)
        maps["conv5"] = self.conv5(maps["pool4"])
        maps["relu5"] = F.relu(maps["conv5"])
        maps["pool5"] = F.max_pool2d(maps["relu5"], 2)
        maps["fc1"] = self.fc1(torch.flatten(maps["pool5"], 1))
        maps["relu6"] = F.relu(maps["fc1"])
        maps["fc2"] = self.fc2(maps["relu6"])
        return maps


class NaimishNet(nn.Module):
    """The layers of src/network/naimish_net.rs under the same names. Dropout does nothing in prediction: left out."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 4)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.conv3 = nn.Conv2d(64, 128, 2)
        self.conv4 = nn.Conv2d(128, 256, 1)
        self.dense1 = nn.Linear(256 * 5 * 5, 1000)
        self.dense2 = nn.Linear(1000, 1000)
        self.dense3 = nn.Linear(1000, 136)

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1, 96, 96] to [n, 2 * points]."""
        x = F.max_pool2d(F.elu(self.conv1(x)), 2)
        x = F.max_pool2d(F.elu(self.conv2(x)), 2)
        x = F.max_pool2d(F.elu(self.conv3(x)), 2)
        x = F.max_pool2d(F.elu(self.conv4(x)), 2)
        return self.dense3(self.dense2(F.elu(self.dense1(torch.flatten(x, 1)))))

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> Dict[str, Tensor]:
        """The output of every layer, in order; `conv1` is that of the convolution itself."""
        maps: Dict[str, Tensor] = {}
        maps["conv1"] = self.conv1(x)
        maps["elu1"] = F.elu(maps["conv1"])
        maps["pool1"] = F.max_pool2d(maps["elu1"], 2)
        maps["conv2"] = self.conv2(maps["pool1"])
        maps["elu2"] = F.elu(maps["conv2"])
        maps["pool2"] = F.max_pool2d(maps["elu2"], 2)
        maps["conv3"] = self.conv3(maps["pool2"])
        maps["elu3"] = F.elu(maps["conv3"])
        maps["pool3"] = F.max_pool2d(maps["elu3"], 2)
        maps["conv4"] = self.conv4(maps["pool3"])
        maps["elu4"] = F.elu(maps["conv4"])
        maps["pool4"] = F.max_pool2d(maps["elu4"], 2)
        maps["dense1"] = self.dense1(torch.flatten(maps["pool4"], 1))
        maps["elu5"] = F.elu(maps["dense1"])
        maps["dense2"] = self.dense2(maps["elu5"])
        maps["dense3"] = self.dense3(maps["dense2"])
        return maps


class Block(nn.Module):
    """Two 3x3 convolutions beside a short cut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1)
        changes = stride != 1 or channels_in != channels_out
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))


class PinkpointNet(nn.Module):
    """The layers of src/network/pinkpoint_net.rs under the same names, every batch norm folded into its convolution."""

    STAGES = ((32, 1, 2), (48, 2, 2), (96, 2, 2), (128, 1, 1))
    PLACES: Final[int] = 7
    STEP = 0.5

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 5, 2, 2)
        channels = 16
        for number, (width, blocks, stride) in enumerate(self.STAGES, 1):
            stage = [Block(width if block else channels, width, 1 if block else stride) for block in range(blocks)]
            setattr(self, f"stage{number}", nn.Sequential(*stage))
            channels = width
        self.reduce = nn.Linear(channels, 16)
        self.votes = nn.Linear(channels, 68)
        self.points = nn.Linear(channels, 136)
        self.spread = nn.Linear(16 * self.PLACES**2, 68)
        self.face = nn.Linear(16 * self.PLACES**2, 1)
        along = (torch.arange(self.PLACES) - (self.PLACES - 1) / 2) * self.STEP
        grid = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).reshape(1, -1, 1, 2)
        self.register_buffer("grid", grid)

    def last_maps(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x)).contiguous(memory_format=torch.channels_last)
        return self.stage4(self.stage3(self.stage2(self.stage1(x))))

    def places(self, maps: Tensor) -> Tensor:
        """[n, channels, 7, 7] to the [n, 49, channels] that all heads see."""
        return torch.flatten(maps.permute(0, 2, 3, 1), 1, 2)

    def votes_of(self, places: Tensor) -> Tensor:
        return torch.softmax(self.votes(places), 1)

    def points_of(self, places: Tensor, votes: Tensor) -> Tensor:
        """Where the places say that each point lies, and how much each place's word counts: [n, 2 * points]."""
        reached = self.points(places).unflatten(2, [-1, 2]) + self.grid
        return torch.flatten((reached * votes.unsqueeze(3)).sum(1), 1)

    def flat_of(self, places: Tensor) -> Tensor:
        return torch.flatten(F.relu(self.reduce(places)), 1)

    def confidence_of(self, flat: Tensor) -> Tensor:
        return torch.sigmoid(self.face(flat)).squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, 1, 112, 112] to [n, 2 * points]."""
        places = self.places(self.last_maps(x))
        return self.points_of(places, self.votes_of(places))

    @torch.jit.export
    def predict(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """What forward gives, then how sure it is that this is a face [n], 0 to 1, then every point's spread
        [n, points]: the error to be expected of a coordinate, in crop pixels."""
        places = self.places(self.last_maps(x))
        flat = self.flat_of(places)
        points = self.points_of(places, self.votes_of(places))
        return points, self.confidence_of(flat), torch.exp(self.spread(flat))

    @torch.jit.export
    def feature_maps(self, x: Tensor) -> Dict[str, Tensor]:
        """The output of every layer, in order; `stem` is that of the convolution itself."""
        maps: Dict[str, Tensor] = {}
        maps["stem"] = self.stem(x)
        maps["relu"] = F.relu(maps["stem"]).contiguous(memory_format=torch.channels_last)
        maps["stage1"] = self.stage1(maps["relu"])
        maps["stage2"] = self.stage2(maps["stage1"])
        maps["stage3"] = self.stage3(maps["stage2"])
        maps["stage4"] = self.stage4(maps["stage3"])
        places = self.places(maps["stage4"])
        votes = self.votes_of(places)
        maps["votes"] = votes.permute(0, 2, 1).unflatten(2, [self.PLACES, self.PLACES])
        flat = self.flat_of(places)
        maps["confidence"] = self.confidence_of(flat).unsqueeze(1)
        maps["spread"] = torch.exp(self.spread(flat))
        maps["points"] = self.points_of(places, votes)
        return maps


def without_debug_info(archive: bytes) -> bytes:
    """The archive without the notes about source lines, which are for Python's error messages only."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                fresh = zipfile.ZipInfo(entry.filename)
                target.writestr(fresh, source.read(entry), entry.compress_type)
    return out.getvalue()


def main():
    nets = {"course": CourseCnn(), "naimish": NaimishNet(), "pinkpoint": PinkpointNet()}
    for name in sys.argv[1:] or nets:
        net = nets[name]
        for parameter in net.parameters():
            parameter.requires_grad_(False)
            parameter.data = torch.empty(0)
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(net.eval()), buffer)
        path = TEMPLATES / f"{name}.pt"
        path.write_bytes(without_debug_info(buffer.getvalue()))
        print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
