"""Small pictures of one or two shapes, drawn with numpy, for a model that is to learn what words have to do with pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers.errors import CourseError

SIDE = 24  # pixels
SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = {
    "blue": (0.16, 0.44, 0.69),
    "orange": (0.85, 0.47, 0.17),
    "black": (0.05, 0.05, 0.05),
    "white": (1.0, 1.0, 1.0),
}
RADII = {"small": 3.5, "large": 6.5}
GREY = 0.55  # of the background


def draw(parts: Sequence[tuple[str, str, str]], draws: np.random.Generator) -> np.ndarray:
    """A picture ``(3, 24, 24)`` of values from 0 to 1: shapes on grey, a little noise, each at a random place of its own strip.

    Args:
        parts: one or two of (size, colour, shape), from left to right.
        draws: where the place and the noise come from.

    Raises:
        CourseError: there are none or more than two shapes, or a size, colour or shape is unknown.
    """
    if not 1 <= len(parts) <= 2:
        raise CourseError(f"A picture has one or two shapes, not {len(parts)}.")
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    image = np.full((3, SIDE, SIDE), GREY)
    strip = SIDE / len(parts)
    for place, (size, colour, shape) in enumerate(parts):
        for value, known, kind in ((size, RADII, "size"), (colour, COLOURS, "colour"), (shape, SHAPES, "shape")):
            if value not in known:
                raise CourseError(f"There is no {kind} {value!r}; choose one of {', '.join(known)}.")
        radius = RADII[size] / len(parts) ** 0.4
        low, high = radius, strip - 1 - radius  # whole pixels from 0 to strip - 1
        centre_x = strip * place + (draws.uniform(low, high) if high > low else (strip - 1) / 2)
        dx, dy = x - centre_x, y - draws.uniform(radius, SIDE - 1 - radius)
        inside = {
            "circle": dx**2 + dy**2 <= radius**2,
            "square": np.maximum(abs(dx), abs(dy)) <= 0.85 * radius,
            "triangle": (abs(dx) <= (dy + radius) / 2) & (dy <= 0.8 * radius),
            "cross": (np.minimum(abs(dx), abs(dy)) <= 0.3 * radius) & (np.maximum(abs(dx), abs(dy)) <= radius),
        }[shape]
        image[:, inside] = np.array(COLOURS[colour])[:, None]
    return np.clip(image + draws.normal(0, 0.03, image.shape), 0, 1)


def show(images: Sequence[np.ndarray], captions: Sequence[str], sentence: str) -> None:
    """Pictures in a row, each with its caption, which is printed as well.

    Raises:
        CourseError: there is not a caption a picture.
    """
    import matplotlib.pyplot as plt

    if len(images) != len(captions):
        raise CourseError(f"There are {len(images)} pictures and {len(captions)} captions; each needs its own.")
    _, axes = plt.subplots(1, len(images), figsize=(1.25 * len(images), 1.5), squeeze=False)
    for panel, image, caption in zip(axes[0], images, captions, strict=True):
        panel.imshow(np.moveaxis(image, 0, -1), interpolation="nearest")
        panel.set_title("\n".join(caption.split(" ", 2)[1:]) if caption.count(" ") > 1 else caption, fontsize=7)
        panel.axis("off")
    plt.show()
    print(f"Figure: {sentence}")
    for place, caption in enumerate(captions, 1):
        print(f"  picture {place}: {caption}")
