#!/usr/bin/python3
"""Makes tests/sw/onnx/data: networks exported from PyTorch in training mode, and what PyTorch says about them.

Needs Debian's python3-torch and python3-onnx, which the tests themselves do not: the files are kept in the repository.
Each NAME.onnx has a NAME.npz beside it, made in binary64 from the same binary32 parameters:
  pixels (n, c, h, w) u8     images; one step is worth 1/255
  labels (n) u8
  inference (n, classes)     logits with the running moments
  training (n, classes)      logits with the moments of the batch; dropout switched off
  losses (10)                mean cross-entropy before each of 10 steps of SGD on that batch, dropout off
  rate ()                    of these steps; absent: 0.02
  after (n, classes)         logits as in `inference` after these steps
ResNet-18 is kept without its 45 MB of parameters: they follow from their names by `formula`, which torch_reference.cc
repeats.

    tests/sw/onnx/export_networks.py [FOLDER [NAME...]]
"""
import copy
import pathlib
import sys
import warnings
import zlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import nn

STEPS, RATE = 10, 0.02


class NetS(nn.Module):
    """data.md: three times convolution, ReLU, max pooling; FC, ReLU, FC."""

    shape = (1, 28, 28)
    head = True  # ends in log-softmax

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(288, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        x = x.view(x.size(0), -1)
        x = self.fc2(F.relu(self.fc1(x)))
        return F.log_softmax(x, dim=1) if self.head else x


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet8(nn.Module):
    """The image classification network of MLPerf Tiny in shape: 16, 32, 64 channels, a block each."""

    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = Block(16, 16, 1)
        self.layer2 = Block(16, 32, 2)
        self.layer3 = Block(32, 64, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.pool(x), 1))


class ResNet18(nn.Module):
    """As in torchvision, names included, with 10 classes; on 64 x 64 images."""

    shape = (3, 64, 64)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, (outputs, stride) in enumerate([(64, 1), (128, 2), (256, 2), (512, 2)], 1):
            setattr(self, f"layer{number}", nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs, 1)))
            inputs = outputs
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class DsCnn(nn.Module):
    """The keyword spotting network of MLPerf Tiny in shape: depthwise separable convolutions over 49 x 10 features."""

    shape = (1, 49, 10)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 64, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Dropout(0.2)
        )
        self.blocks = nn.Sequential(
            *[
                nn.Sequential(
                    nn.Conv2d(64, 64, 3, 1, 1, groups=64, bias=False), nn.BatchNorm2d(64), nn.ReLU6(),
                    nn.Conv2d(64, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU6(),
                )  # fmt: skip
                for _ in range(4)
            ]
        )
        self.drop = nn.Dropout(0.4)
        self.fc = nn.Linear(64, 12, bias=False)

    def forward(self, x):
        x = self.drop(self.blocks(self.stem(x))).mean([2, 3])
        return self.fc(x)


class Mixture(nn.Module):
    """What the others lack: dilation, joined channels, every activation, padded averages, repeated elements, BatchNorm1d."""

    shape = (3, 15, 14)

    def __init__(self):
        super().__init__()
        self.left = nn.Conv2d(3, 6, 3, padding=1)
        self.right = nn.Conv2d(3, 4, (2, 3), padding=(1, 2), dilation=(2, 2))
        self.norm = nn.BatchNorm2d(10, eps=1e-3, momentum=0.3)
        self.pool = nn.AvgPool2d(3, 2, 1)
        self.mix = nn.Conv2d(10, 8, 1, groups=2)
        self.up = nn.Upsample(scale_factor=2)
        self.hidden = nn.Linear(8 * 8 * 7, 16, bias=False)
        self.norm1 = nn.BatchNorm1d(16)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.norm(torch.cat([torch.tanh(self.left(x)), F.leaky_relu(self.right(x), 0.2)], 1))
        x = self.up(torch.sigmoid(self.mix(self.pool(x))))
        x = F.max_pool2d(x, 2)
        return self.fc(F.relu(self.norm1(self.hidden(x.flatten(1)))))


class Gelu(nn.Module):
    """GELU behind a convolution, a normalisation and a linear layer, and of what is read twice."""

    shape = (2, 11, 9)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 7, 3, padding=1)
        self.norm = nn.BatchNorm2d(7)
        self.conv2 = nn.Conv2d(7, 7, 3, padding=1)
        self.hidden = nn.Linear(7 * 5 * 4, 17)
        self.fc = nn.Linear(17, 5)

    def forward(self, x):
        x = F.gelu(self.norm(self.conv1(x)))
        x = F.max_pool2d(x + F.gelu(self.conv2(x)), 2)
        return self.fc(F.gelu(self.hidden(x.flatten(1))))


def randomise(network):
    """Batch normalisations that do something."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.6, 1.4)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.3, 1.2)


def without_dropout(network):
    network = copy.deepcopy(network).double()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def logits(network, images):
    with torch.no_grad():
        y = copy.deepcopy(network)(images)
    return y.numpy()


def formula(name, shape):
    """Parameters from their name and shape: a hash of name and number in [-1, 1), scaled. Exact in binary64, then
    rounded to binary32."""
    number = np.arange(int(np.prod(shape)), dtype=np.uint64)
    x = (number * 2654435761 + zlib.crc32(name.encode())) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x = ((x ^ (x >> np.uint64(shift))) * factor) & 0xFFFFFFFF
    u = x.astype(np.float64) / 2147483648.0 - 1.0
    if len(shape) > 1:
        value = u * np.sqrt(6.0 / np.prod(shape[1:]))
    elif name.endswith("running_var"):
        value = 0.75 + 0.25 * u
    elif name.endswith("running_mean"):
        value = 0.125 * u
    else:
        value = 1 + 0.25 * u if name.endswith("weight") else 0.25 * u
    return torch.from_numpy(value.astype(np.float32).reshape(shape))


def fill(network):
    state = network.state_dict()
    network.load_state_dict({k: formula(k, v.shape) if v.is_floating_point() else v for k, v in state.items()})


def forget_parameters(path):
    """Leaves names and shapes of the parameters, without their bytes."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.ClearField("raw_data")
    onnx.save(model, path)


def make(name, network, images, opset, folder, rate=RATE, by_formula=False):
    fill(network) if by_formula else randomise(network)
    network.train()
    dynamic = {"images": {0: "n"}}
    torch.onnx.export(
        network, torch.zeros(2, *network.shape), f"{folder}/{name}.onnx", opset_version=opset,
        training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False, input_names=["images"],
        output_names=["logits"], dynamic_axes=dynamic)  # fmt: skip
    if by_formula:
        forget_parameters(f"{folder}/{name}.onnx")
        fill(network)  # the exporter ran it, which moved the running moments
    exact = without_dropout(network)
    exact.head = False
    pixels = torch.randint(0, 256, (images, *network.shape), dtype=torch.uint8)
    classes = exact.fc2.out_features if name == "s" else exact.fc.out_features
    labels = torch.randint(0, classes, (images,))
    x = pixels.double() / 255
    result = {"pixels": pixels.numpy(), "labels": labels.numpy().astype(np.uint8)}
    result["inference"] = logits(exact.eval(), x)
    exact.train()
    result["training"] = logits(exact, x)
    optimiser = torch.optim.SGD(exact.parameters(), lr=rate)
    losses = []
    for _ in range(STEPS):
        loss = F.cross_entropy(exact(x), labels)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    result["losses"] = np.array(losses)
    result["after"] = logits(exact.eval(), x)
    if rate != RATE:
        result["rate"] = np.array([rate])
    np.savez(f"{folder}/{name}.npz", **result)


def main():
    warnings.filterwarnings("ignore")
    folder = sys.argv[1] if len(sys.argv) > 1 else str(pathlib.Path(__file__).parent / "data")
    wanted = sys.argv[2:]
    torch.manual_seed(4)
    torch.set_num_threads(1)
    # The rate of ResNet-18 keeps 10 steps well-conditioned: at 0.02 PyTorch's own binary32 parts from its binary64 by
    # 2e-3 of the logits, for a ReLU or a maximum that rounding decides is one of 16 positions of the last maps.
    for row in [
        ("s", NetS, 8, 11),
        ("resnet8", ResNet8, 2, 13),
        ("dscnn", DsCnn, 4, 17),
        ("mixture", Mixture, 6, 14),
        ("gelu", Gelu, 6, 11),
        ("resnet18", ResNet18, 4, 17, RATE / 20, True),
    ]:
        name, network, images, opset, *more = row
        network = network()
        if not wanted or name in wanted:
            make(name, network, images, opset, folder, *more)


if __name__ == "__main__":
    main()
