#!/usr/bin/env python3
"""Makes tests/corpus/: nets of many kinds as people export them from notebooks, tiny ones, with what each of their modules makes of
two crops as forward hooks saw it in Python. tests/looking_inside.rs checks that pinkpoint sees the same.

    scripts/make_corpus.py

NAME.pt        the exported net
captured.json  for every net: its output and, by module path, the outputs of that module in the order of its calls, each with shape
               and where its values lie in captured.bin (32-bit floats, little endian, counted in values)

Needs Python's torch, which neither the program nor its tests need.
"""
import array
import io
import json
import pathlib
import sys
import warnings
from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from make_templates import without_debug_info

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "corpus"
SIDE, POINTS = 32, 4


def crops(count: int, side: int) -> Tensor:
    """[count, 1, side, side]; tests/looking_inside.rs makes the same numbers."""
    i = torch.arange(count).view(-1, 1, 1, 1)
    y = torch.arange(side).view(1, 1, -1, 1)
    x = torch.arange(side).view(1, 1, 1, -1)
    return ((x * 7 + y * 13 + i * 29) % 64).float() / 64


class Plain(nn.Module):
    """Functions between its layers."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 5), nn.Conv2d(4, 6, 3)
        self.fc1, self.fc2 = nn.Linear(6 * 6 * 6, 12), nn.Linear(12, 2 * POINTS)
        self.drop = nn.Dropout(0.4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop(x.flatten(1))
        return self.fc2(F.relu(self.fc1(x)))


def head(channels):
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, 2 * POINTS))


def sequential():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 6, 3, 2), nn.Tanh(), head(6))


def nested():
    inner = nn.Sequential(nn.Sequential(nn.Conv2d(1, 3, 3, 2), nn.BatchNorm2d(3)), nn.ReLU(inplace=True))
    return nn.Sequential(inner, nn.Sequential(nn.Sequential(nn.Conv2d(3, 5, 3), nn.ELU())), head(5))


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if a != b or stride != 1 else None

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.down is not None:
            x = self.down(x)
        y += x
        return self.relu(y)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 7, 2, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        self.layer1, self.layer2 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1)), nn.Sequential(Block(4, 6, 2))
        self.fc = nn.Linear(6, 2 * POINTS)

    def _features(self, x):
        return self.layer2(self.layer1(self.stem(x)))

    def forward(self, x):
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(self._features(x), 1), 1))


class Listed(nn.Module):
    """Layers in a ModuleList, called in a loop."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(1, 3, 3, 2), nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 5, 3)])
        self.norms = nn.ModuleList([nn.GroupNorm(1, 3), nn.GroupNorm(2, 4), nn.InstanceNorm2d(5)])
        self.head = head(5)

    def forward(self, x):
        for layer, norm in zip(self.layers, self.norms):
            x = F.leaky_relu(norm(layer(x)), 0.1)
        return self.head(x)


class Named(nn.Module):
    """Layers in a ModuleDict."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"low": nn.Conv2d(1, 4, 3, 2), "act": nn.PReLU(4), "high": nn.Conv2d(4, 4, 3, 2)})
        self.head = head(4)

    def forward(self, x):
        for part in self.parts.values():
            x = part(x)
        return self.head(x)


class Activations(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, 2)
        self.many = nn.Sequential(nn.GELU(), nn.SELU(), nn.CELU(), nn.Softplus(), nn.Hardtanh(), nn.Mish(), nn.Sigmoid())
        self.head = head(4)

    def forward(self, x):
        return self.head(F.silu(self.many(F.hardswish(F.elu(self.conv(x))))))


class Separable(nn.Module):
    """Depthwise convolutions, as on phones."""

    def __init__(self):
        super().__init__()
        part = lambda a, b, s: nn.Sequential(nn.Conv2d(a, a, 3, s, 1, groups=a), nn.BatchNorm2d(a), nn.ReLU6(),
                                             nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.Hardswish())
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), part(4, 6, 1), part(6, 8, 2))
        self.head = head(8)

    def forward(self, x):
        return self.head(self.body(x))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(1, 3, 3, 1, 1), nn.Conv2d(4, 3, 3, 1, 1), nn.Conv2d(7, 4, 3, 2)
        self.head = head(4)

    def forward(self, x):
        x = torch.cat([x, torch.relu(self.one(x))], 1)
        x = torch.cat([x, torch.relu(self.two(x))], 1)
        return self.head(self.three(x))


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.small, self.large, self.pool = nn.Conv2d(1, 3, 1, 2), nn.Conv2d(1, 3, 5, 2, 2), nn.AvgPool2d(3, 2, 1)
        self.mix = nn.Conv2d(7, 4, 3)
        self.head = head(4)

    def forward(self, x):
        return self.head(self.mix(torch.cat((self.small(x), self.large(x), self.pool(x)), dim=1)))


class Squeeze(nn.Module):
    """Squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.conv, self.down, self.up = nn.Conv2d(1, 6, 3, 2), nn.Linear(6, 2), nn.Linear(2, 6)
        self.head = head(6)

    def forward(self, x):
        x = self.conv(x)
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        return self.head(x * gate[:, :, None, None])


class Encoder(nn.Module):
    """Down and up again, points from heat maps."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(1, 4, 3, 2, 1), nn.Conv2d(4, 6, 3, 2, 1)
        self.up = nn.ConvTranspose2d(6, 4, 2, 2)
        self.maps = nn.Conv2d(4, POINTS, 1)

    def forward(self, x):
        a = F.relu(self.down1(x))
        b = F.interpolate(self.up(F.relu(self.down2(a))), size=[16, 16], mode="bilinear", align_corners=False)
        maps = F.softmax(self.maps(a + b).flatten(2), dim=2).view(-1, 4, 16, 16)
        line = torch.linspace(-1.0, 1.0, 16)
        return torch.stack([(maps.sum(2) * line).sum(2), (maps.sum(3) * line).sum(2)], 2)


class Both(nn.Module):
    """Gives more than the points."""

    def __init__(self):
        super().__init__()
        self.conv, self.head, self.sure = nn.Conv2d(1, 4, 3, 2), head(4), head(4)

    def forward(self, x) -> Tuple[Tensor, Tensor]:
        x = F.relu(self.conv(x))
        return self.head(x), torch.sigmoid(self.sure(x))


class Early(nn.Module):
    """Returns at several places."""

    def __init__(self):
        super().__init__()
        self.small, self.large = nn.Conv2d(1, 4, 3, 2), nn.Conv2d(1, 4, 5, 2)
        self.head = head(4)

    def forward(self, x: Tensor) -> Tensor:
        if x.size(2) < 30:
            return self.head(self.small(x))
        y = torch.tanh(self.large(x))
        if x.size(2) > 1000:
            return self.head(y * 2.0)
        return self.head(y)


class Again(nn.Module):
    """One layer, several times."""

    def __init__(self):
        super().__init__()
        self.first, self.again, self.head = nn.Conv2d(1, 4, 3, 2), nn.Conv2d(4, 4, 3, 1, 1), head(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for _ in range(3):
            x = F.relu(self.again(x))
        return self.head(x)


class Attention(nn.Module):
    """Patches that look at each other."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(1, 8, 8, 8), nn.LayerNorm(8)
        self.query, self.key, self.value, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.head = nn.Linear(8, 2 * POINTS)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        near = torch.matmul(self.query(y), self.key(y).transpose(1, 2)) / 2.83
        x = x + self.out(torch.matmul(F.softmax(near, dim=2), self.value(y)))
        return self.head(x.mean(dim=1))


class Recurrent(nn.Module):
    """A part of it gives more than a tensor."""

    def __init__(self):
        super().__init__()
        self.conv, self.rows, self.head = nn.Conv2d(1, 2, 3, 2, 1), nn.LSTM(32, 6, batch_first=True), nn.Linear(6, 2 * POINTS)

    def forward(self, x):
        x = self.conv(x)
        rows, _ = self.rows(x.permute(0, 2, 1, 3).flatten(2))
        return self.head(rows[:, -1])


class Exported(nn.Module):
    """Has methods of its own besides."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, 2), head(4)

    @torch.jit.export
    def embed(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embed(x))


class Typed(nn.Module):
    """Lists, dictionaries and text on its way."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, 2), head(4)
        self.scales: List[float] = [1.0, 0.5]
        self.label = "it says: \"(\" and \\"

    def forward(self, x: Tensor) -> Tensor:
        notes: Dict[str, Tensor] = {}
        for number, scale in enumerate(self.scales):
            notes[self.label + str(number)] = F.relu(self.conv(x * scale))
        total = torch.zeros_like(notes[self.label + "0"])
        for value in notes.values():
            total += value
        return self.head(total)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.head = nn.Conv2d(1, 4, 3, 2), nn.Conv2d(4, 4, 3, 1, 1), head(4)

    def forward(self, x):
        x = self.conv1(x)
        x.relu_()
        x.mul_(0.5).add_(0.1)
        y = self.conv2(x)
        F.elu(y, inplace=True)
        y += x
        return self.head(y)


def weight_normed():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 4, 3, 2)), nn.LeakyReLU(0.2), head(4))


class Deep(nn.Module):
    """Modules in modules in modules of one's own."""

    def __init__(self):
        super().__init__()
        self.outer = Wrapped(Wrapped(Wrapped(nn.Conv2d(1, 4, 3, 2))))
        self.head = head(4)

    def forward(self, x):
        return self.head(self.outer(x))


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return torch.tanh(self.inner(x)) + 0.1


class Given(nn.Module):
    """Takes more than crops, if one likes."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, 2), head(4)

    def forward(self, x: Tensor, scale: float = 0.5, bias: float = 0.1) -> Tensor:
        return self.head(F.relu(self.conv(x)) * scale + bias)


class Output(nn.Module):
    """One of its parts is called as the whole is elsewhere."""

    def __init__(self):
        super().__init__()
        self.conv, self.output = nn.Conv2d(1, 4, 3, 2), head(4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.output(self.conv(x)))


script = torch.jit.script
trace = lambda net: torch.jit.trace(net, crops(2, SIDE))
freeze = lambda net: torch.jit.freeze(torch.jit.script(net))
NETS = {
    "plain-script": (Plain, script), "plain-trace": (Plain, trace), "plain-frozen": (Plain, freeze),
    "sequential-script": (sequential, script), "sequential-trace": (sequential, trace),
    "nested-script": (nested, script), "nested-trace": (nested, trace), "nested-frozen": (nested, freeze),
    "residual-script": (Residual, script), "residual-trace": (Residual, trace), "residual-frozen": (Residual, freeze),
    "listed-script": (Listed, script), "listed-trace": (Listed, trace),
    "named-script": (Named, script), "named-trace": (Named, trace),
    "activations-script": (Activations, script), "activations-trace": (Activations, trace),
    "separable-script": (Separable, script), "separable-trace": (Separable, trace),
    "dense-script": (Dense, script), "branches-trace": (Branches, trace), "squeeze-script": (Squeeze, script),
    "encoder-script": (Encoder, script), "both-script": (Both, script), "both-trace": (Both, trace),
    "early-script": (Early, script), "again-script": (Again, script), "again-trace": (Again, trace),
    "attention-script": (Attention, script), "attention-trace": (Attention, trace),
    "recurrent-script": (Recurrent, script), "exported-script": (Exported, script), "typed-script": (Typed, script),
    "in-place-script": (InPlace, script), "in-place-trace": (InPlace, trace), "weight-normed-trace": (weight_normed, trace),
    "deep-script": (Deep, script), "deep-trace": (Deep, trace),
    "given-script": (Given, script), "output-script": (Output, script), "output-trace": (Output, trace),
}


def capture(net, values):
    """Output, and what hooks saw of every module, as places in `values`."""
    def put(tensor):
        place = len(values)
        values.extend(tensor.detach().contiguous().flatten().tolist())
        return {"shape": list(tensor.shape), "at": place}

    seen = {}
    hooks = []
    for path, module in net.named_modules():
        def hook(_module, _given, made, path=path):
            if isinstance(made, Tensor):
                # As it was: what comes later may change it in place.
                seen.setdefault(path, []).append(put(made.clone()))
        hooks.append(module.register_forward_hook(hook))
    with torch.no_grad():
        output = net(crops(2, SIDE))
    for hook in hooks:
        hook.remove()
    return {"output": put(output[0] if isinstance(output, tuple) else output), "modules": seen}


def main():
    warnings.simplefilter("ignore")
    FOLDER.mkdir(parents=True, exist_ok=True)
    values, captured = array.array("f"), {}
    for number, (name, (make, export)) in enumerate(NETS.items()):
        torch.manual_seed(number)
        net = make().eval()
        for module in net.modules():
            # Not what they begin with, which would hide a mistake.
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 2.0)
        captured[name] = capture(net, values)
        buffer = io.BytesIO()
        torch.jit.save(export(net), buffer)
        (FOLDER / f"{name}.pt").write_bytes(without_debug_info(buffer.getvalue()))
    if sys.byteorder != "little":
        values.byteswap()
    (FOLDER / "captured.bin").write_bytes(values.tobytes())
    (FOLDER / "captured.json").write_text(json.dumps(captured, indent=1) + "\n")
    print(f"{len(NETS)} nets, {len(values)} values in {FOLDER}")


if __name__ == "__main__":
    main()
