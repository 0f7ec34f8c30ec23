"""What strict nbval does not see: pictures. Everything that depends on nbval's insides is in this file."""

import base64
import io

import numpy as np
from PIL import Image

TOLERATED = 0.002  # share of 4 x 4 pixel blocks that may differ: other fonts or rounding move a few edges


def load(encoded: str | list[str]) -> np.ndarray:
    """A base64 PNG as grey levels, averaged over blocks of 4 x 4 pixels."""
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode("".join(encoded)))).convert("L"), dtype=float)
    height, width = (size // 4 * 4 for size in image.shape)
    return image[:height, :width].reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))


def difference(left: str | list[str], right: str | list[str]) -> float:
    """Share of the blocks of two pictures that differ visibly; 1 for pictures of different size."""
    a, b = load(left), load(right)
    if abs(a.shape[0] - b.shape[0]) > 2 or abs(a.shape[1] - b.shape[1]) > 2:
        return 1.0
    height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    return float((np.abs(a[:height, :width] - b[:height, :width]) > 24).mean())


def pngs(outputs: list) -> list[str]:
    """The PNG pictures among the outputs of a cell, in order."""
    return [out["data"]["image/png"] for out in outputs if "image/png" in out.get("data", {})]


def teach_nbval() -> None:
    """Make nbval compare pictures as well: same number, and no visible difference."""
    from nbval.plugin import IPyNbCell

    if getattr(IPyNbCell, "looks_at_pictures", False):
        return
    compare = IPyNbCell.compare_outputs

    def compare_outputs(self, test, ref, skip_compare=None):
        if not compare(self, test, ref, skip_compare):
            return False
        for number, (new, stored) in enumerate(zip(pngs(test), pngs(ref), strict=True)):
            share = difference(new, stored)
            if share > TOLERATED:
                message = f"picture {number} of this cell differs from the stored one in {share:.1%} of its area"
                self.comparison_traceback.append(message)
                return False
        return True

    IPyNbCell.compare_outputs = compare_outputs
    IPyNbCell.looks_at_pictures = True
