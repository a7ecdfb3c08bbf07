#!/usr/bin/python3
"""Times training steps of a network in PyTorch on one thread, for `backboard bench training`.

Argument: a JSON file that the program writes: {"input": [c, h, w], "batch": n, "steps": k, "layers": [...]}, each layer
with its kind and keys as in configs/nets, "sources" the numbers of the layers that it reads (-1: the images).
Random images, cross-entropy, plain SGD on all parameters. Prints {"version": .., "fastest": .., "median": .., "processor": ..}, seconds;
`processor` is the median of the processor time of a step.
"""
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def module_of(layer):
    kind, c = layer["kind"], layer["in"][0]
    if kind == "conv":
        (top, left), (down, right) = layer["pad"], layer["pad_more"]
        if (down, right) == (0, 0):
            return nn.Conv2d(c, layer["channels"], layer["kernel"], layer["stride"], layer["pad"], layer["dilation"],
                             layer["groups"], bias=layer["bias"])
        return nn.Sequential(nn.ZeroPad2d((left, left + right, top, top + down)),
                             nn.Conv2d(c, layer["channels"], layer["kernel"], layer["stride"], 0, layer["dilation"],
                                       layer["groups"], bias=layer["bias"]))
    if kind == "fc":
        inputs = layer["in"][0] * layer["in"][1] * layer["in"][2]
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, layer["channels"], bias=layer["bias"]))
    if kind == "batchnorm":
        return nn.BatchNorm2d(c)
    if kind == "maxpool":
        return nn.MaxPool2d(layer["kernel"], layer["stride"], layer["pad"], ceil_mode=layer["ceil"])
    if kind == "avgpool":
        return nn.AvgPool2d(layer["kernel"], layer["stride"], layer["pad"], layer["ceil"], layer["count_include_pad"])
    if kind == "dropout":
        return nn.Dropout(layer["rate"])
    simple = {"relu": nn.ReLU, "relu6": nn.ReLU6, "leakyrelu": nn.LeakyReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh,
              "gelu": nn.GELU}
    if kind in simple:
        return simple[kind]()
    if kind == "globalpool":
        return nn.AdaptiveAvgPool2d(1)
    if kind == "upsample":
        return nn.Upsample(scale_factor=tuple(float(k) for k in layer["kernel"]))
    if kind in ("add", "concat"):
        return None
    sys.exit(f"torch_step: layer kind {kind} is not known here")


class Net(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        self.steps = nn.ModuleList(m if m is not None else nn.Identity() for m in map(module_of, layers))

    def forward(self, images):
        made = []
        for layer, step in zip(self.layers, self.steps):
            inputs = [images if s < 0 else made[s] for s in layer["sources"]]
            if layer["kind"] == "add":
                made.append(inputs[0] + inputs[1])
            elif layer["kind"] == "concat":
                made.append(torch.cat(inputs, 1))
            else:
                made.append(step(inputs[0]))
        return made[-1].flatten(1)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        task = json.load(file)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    net = Net(task["layers"])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    images = torch.rand(task["batch"], *task["input"])
    labels = torch.randint(0, task["layers"][-1]["channels"], (task["batch"],))
    seconds, processor = [], []
    for _ in range(task["steps"] + 1):
        start, start_processor = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_processor)
    print(json.dumps({"version": torch.__version__, "fastest": min(seconds[1:]), "median": statistics.median(seconds[1:]),
                      "processor": statistics.median(processor[1:])}))


main()
