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

The files come out the same each time: those of ALONE in any company, the others all in one go.

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

import networks

STEPS, RATE = 10, 0.02
# These have random numbers of their own, whatever else is made.
ALONE = ("gelu", "resnet18", "lenet", "squeezenet", "densenet", "mobilenetv2", "computed", "sides", "forms")


def randomise(network):
    """Batch normalisations that do something."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            if module.affine:
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


def train(network):
    """Training mode, but for the normalisations that a network names as frozen."""
    network.train()
    for name in getattr(network, "frozen", ()):
        network.get_submodule(name).eval()


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


def make(name, network, images, opset, folder, rate=RATE, by_formula=False, fixed=False):
    """`fixed`: the number of images in the graph, and initialisers among its inputs."""
    fill(network) if by_formula else randomise(network)
    train(network)
    dynamic = None if fixed else {"images": {0: "n"}}
    torch.onnx.export(
        network, torch.zeros(2, *network.shape), f"{folder}/{name}.onnx", opset_version=opset,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, input_names=["images"],
        output_names=["logits"], dynamic_axes=dynamic, keep_initializers_as_inputs=fixed or None)  # fmt: skip
    if by_formula:
        forget_parameters(f"{folder}/{name}.onnx")
        fill(network)  # the exporter ran it, which moved the running moments
    exact = without_dropout(network)
    exact.head = False
    pixels = torch.randint(0, 256, (images, *network.shape), dtype=torch.uint8)
    x = pixels.double() / 255
    classes = logits(exact, x).shape[1]
    labels = torch.randint(0, classes, (images,))
    result = {"pixels": pixels.numpy(), "labels": labels.numpy().astype(np.uint8)}
    result["inference"] = logits(exact.eval(), x)
    train(exact)
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
        ("s", networks.NetS, 8, 11),
        ("resnet8", networks.ResNet8, 2, 13),
        ("dscnn", networks.DsCnn, 4, 17),
        ("mixture", networks.Mixture, 6, 14),
        ("gelu", networks.Gelu, 6, 11),
        ("resnet18", networks.ResNet18, 4, 17, RATE / 20, True),
        ("lenet", networks.LeNet, 6, 12),
        ("squeezenet", networks.SqueezeNet, 5, 13),
        ("densenet", networks.DenseNet, 5, 15),
        ("mobilenetv2", networks.MobileNetV2, 5, 16, RATE, False, True),
        ("computed", networks.Computed, 6, 11),
        ("sides", networks.Sides, 5, 17),
        ("forms", networks.Forms, 9, 13),
    ]:
        name, network, images, opset, *more = row
        if name in ALONE:
            torch.manual_seed(zlib.crc32(name.encode()))
        network = network()
        if not wanted or name in wanted:
            make(name, network, images, opset, folder, *more)


if __name__ == "__main__":
    main()
