"""Make the pictures of docs/photographers-guide.md: a hand-held synthetic bracket with something moving."""

import argparse
from pathlib import Path

import numpy as np

from lightfuse import FuseOptions, Fuser
from lightfuse.brackets.bracket import Frame, make_bracket
from lightfuse.images import EncodeOptions, write_picture
from lightfuse.pipeline import fuse_bracket
from lightfuse.sheets import comparison_sheet
from tools.synthetic import HandShake, sample_bracket

SMALL = EncodeOptions(quality=80)
EVS = (-4.0, -2.0, 0.0, 2.0, 4.0)


def main() -> None:
    """Write guide-bracket.jpg and guide-steps.jpg into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    fuser = Fuser()

    shaken = sample_bracket(1200, 800, EVS, seed=4, shake=HandShake((0.006, -0.004), 0.25), moving=True)
    frames = [Frame(picture, f"{ev:+.0f} EV") for picture, ev in zip(shaken.pictures, shaken.evs, strict=True)]
    bracket = make_bracket(frames)
    fused = fuse_bracket(bracket, fuser)
    labels = [frame.name for frame in bracket.frames]
    sheet = comparison_sheet(bracket.pixels, fused.picture, labels, fused_label="LightFuse", width=1500)
    write_picture(folder / "guide-bracket.jpg", sheet, None, SMALL, overwrite=True)

    steps = {
        "as shot": FuseOptions(align="off", deghost="off"),
        "aligned": FuseOptions(deghost="off"),
        "aligned and deghosted": FuseOptions(),
    }
    cut = np.s_[400:800, 300:900]
    pictures = [fuse_bracket(bracket, fuser, how).picture[cut] for how in steps.values()]
    sheet = comparison_sheet(pictures[:-1], pictures[-1], list(steps)[:-1], fused_label=list(steps)[-1], width=1500)
    write_picture(folder / "guide-steps.jpg", sheet, None, SMALL, overwrite=True)


if __name__ == "__main__":
    main()
