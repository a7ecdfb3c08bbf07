"""Networks in PyTorch that export_networks.py exports; `shape` is that of an image."""
import torch
import torch.nn.functional as F
from torch import nn


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


class LeNet(nn.Module):
    """LeNet-5 in shape, thinner: tanh and averages."""

    shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(6, 14, 5), nn.Tanh(),
        )  # fmt: skip
        self.hidden = nn.Linear(14, 11)
        self.fc = nn.Linear(11, 10)

    def forward(self, x):
        return self.fc(torch.tanh(self.hidden(self.features(x).view(-1, 14))))


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, left, right):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, left, 1)
        self.expand3x3 = nn.Conv2d(squeeze, right, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet in shape: pooling in ceil mode, with windows that are cut off, and no linear layer."""

    shape = (3, 34, 37)

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(8, 3, 4, 5),
            Fire(9, 4, 6, 6), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(12, 4, 7, 6),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(13, 5, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 2 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * growth)
        self.conv2 = nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, parts):
        x = self.conv1(F.relu(self.norm1(torch.cat(parts, 1))))
        return self.conv2(F.relu(self.norm2(x)))


class DenseNet(nn.Module):
    """DenseNet in shape: normalisations of what is joined from joined parts."""

    shape = (3, 21, 20)

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.norm0 = nn.BatchNorm2d(8)
        self.block1 = nn.ModuleList([DenseLayer(8 + 4 * i, 4) for i in range(3)])
        self.transition = nn.Sequential(
            nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 10, 1, bias=False), nn.AvgPool2d(2, 2)
        )
        self.block2 = nn.ModuleList([DenseLayer(10 + 4 * i, 4) for i in range(2)])
        self.norm5 = nn.BatchNorm2d(18)
        self.fc = nn.Linear(18, 5)

    def block(self, layers, x):
        parts = [x]
        for layer in layers:
            parts.append(layer(parts))
        return torch.cat(parts, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm0(self.conv0(x))), 3, 2, 1)
        x = self.block(self.block2, self.transition(self.block(self.block1, x)))
        x = F.adaptive_avg_pool2d(F.relu(self.norm5(x)), (1, 1))
        return self.fc(torch.flatten(x, 1))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        hidden = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 in shape, with the head of torchvision's."""

    shape = (3, 23, 26)

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU6(), Inverted(6, 6, 1, 2),
            Inverted(6, 8, 2, 3), Inverted(8, 8, 1, 3), nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        )  # fmt: skip
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(16, 7)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1)).reshape(x.shape[0], -1)
        return self.fc(self.drop(x))


class Computed(nn.Module):
    """Paddings, bounds, sizes and slices that the exporter computes in the graph when it does not fold constants."""

    shape = (2, 11, 12)

    def __init__(self):
        super().__init__()
        self.pad = nn.ZeroPad2d((1, 0, 1, 1))  # on the right nothing is left over at stride 2
        self.conv1 = nn.Conv2d(2, 5, 3, 2, bias=False)
        self.grow = nn.Upsample(size=(12, 18))
        self.pads = nn.Sequential(nn.ZeroPad2d(1), nn.ZeroPad2d((1, 1, 0, 0)))
        self.conv2 = nn.Conv2d(5, 6, (3, 5))
        self.conv3 = nn.Conv2d(6, 4, 1, bias=False)
        self.fc = nn.Linear(10, 5)

    def forward(self, x):
        x = torch.clamp(self.conv1(self.pad(x)), min=0)
        x = torch.clamp(self.conv2(self.pads(self.grow(x))), 0, 6)
        x = torch.cat([x, self.conv3(x)], 1)[:, :10]
        return self.fc(F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0])


class Sides(nn.Module):
    """Padding that differs by side, as networks that came from TensorFlow have it."""

    shape = (2, 21, 10)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.ZeroPad2d((1, 1, 4, 5)), nn.Conv2d(2, 8, (10, 4), 2, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        )
        self.wide = nn.Sequential(nn.ZeroPad2d((1, 2, 1, 1)), nn.Conv2d(8, 8, (3, 4), groups=8))
        self.narrow = nn.Conv2d(8, 12, 3, stride=2)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = F.relu(self.wide(self.stem(x)))
        return self.fc(F.relu(self.narrow(F.pad(x, (2, 0, 0, 1)))).mean([2, 3]))


class Forms(nn.Module):
    """Normalisations without parameters and one that is frozen, products without bias, means one behind the other, rows
    and columns as one dimension, the largest of a map, maxima over zeros around a ReLU."""

    shape = (2, 19, 14)
    frozen = ("norm3",)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(6, affine=False)
        self.conv2 = nn.Conv2d(6, 7, 3, 2)
        self.norm2 = nn.BatchNorm1d(7)
        self.conv3 = nn.Conv2d(6, 7, 3, 2, bias=False)
        self.norm3 = nn.BatchNorm2d(7)
        self.mix = nn.Parameter(torch.randn(11, 14) / 4)
        self.norm4 = nn.BatchNorm1d(11, affine=False)
        self.fc = nn.Linear(11, 5)

    def forward(self, x):
        x = F.max_pool2d(F.pad(F.relu(self.norm1(self.conv1(x))), (1, 1, 1, 1)), 3, 1)
        left = torch.tanh(self.norm2(self.conv2(x).flatten(2))).mean(2)
        right = F.relu(self.norm3(self.conv3(x)))
        x = torch.cat([left + right.mean(3).mean(2), F.adaptive_max_pool2d(right, 1).flatten(1)], 1)
        return self.fc(torch.sigmoid(self.norm4(torch.mm(x, self.mix.t()))))
