"""How well ghosts are removed, with the truth known: python -m benchmarks.ghosts [--table FILE] [--pictures FOLDER].

With ``--brackets FOLDER`` instead: what deghosting changes in real brackets, one a folder, whose truth is unknown.

Things of known place, brightness and size move through synthetic rooms between two photographs with sensor noise. The
truth is what fusing gives when the thing stands still, where one or the other frame shows it; the nearer one counts,
for the ghosted and for the deghosted picture alike. Static pairs tell what deghosting costs where nothing moves.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightfuse import Fuser
from lightfuse.brackets.bracket import in_one_profile, make_bracket
from lightfuse.brackets.files import find_brackets
from lightfuse.brackets.reading import frame_from
from lightfuse.deghost import Deghosted, deghost, ghost_overlay
from lightfuse.options import FuseOptions
from lightfuse.pipeline import fuse_bracket
from tools.synthetic import Camera, Scene, moving_object

WIDTH, HEIGHT = 768, 512
SEEDS = (0, 1, 2, 3)
EVS = ((-1.0, 1.0), (-2.0, 2.0), (-1.0, 3.0), (-3.0, 1.0), (-3.0, 3.0))

Light = NDArray[np.float32]
Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Thing:
    """A striped ellipse: ``light`` of its bright stripes, ``size`` its radius, ``start`` and ``end`` in widths."""

    name: str
    light: float
    size: float
    start: tuple[float, float]
    end: tuple[float, float]
    colour: tuple[float, float, float] = (1.0, 0.8, 0.6)

    def stand(self, light: Light, place: tuple[float, float]) -> tuple[Light, Mask]:
        """``light`` with the thing at ``place``, and where it is."""
        height, width = light.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32) / np.float32(width)
        across, down = (x - place[0]) / self.size, (y - place[1]) / (1.4 * self.size)
        cover = np.clip((1 - np.hypot(across, down)) * self.size * width + 0.5, 0, 1)[..., None]
        stripes = 0.35 + 0.65 * (np.sin(7 * (across + 0.5 * down)) > 0) + 0.15 * across
        painted = self.light * stripes[..., None] * np.array(self.colour, np.float32)
        return np.asarray(light + (painted - light) * cover, np.float32), cover[..., 0] > 0


THINGS = (
    Thing("dim, before the wall", 0.01, 0.05, (0.30, 0.45), (0.55, 0.46)),
    Thing("middling, before the wall", 0.12, 0.05, (0.30, 0.45), (0.36, 0.46)),
    Thing("bright, before the wall", 1.0, 0.04, (0.85, 0.30), (0.70, 0.36)),
    Thing("dim, before the window", 0.05, 0.04, (0.30, 0.22), (0.50, 0.22)),
    Thing("bright, before the window", 1.5, 0.03, (0.30, 0.22), (0.36, 0.25), (0.5, 0.9, 1.0)),
    Thing("middling, on the floor", 0.2, 0.07, (0.25, 0.58), (0.60, 0.58), (0.5, 0.7, 1.0)),
    Thing("dim and large, half hidden by itself", 0.05, 0.12, (0.40, 0.45), (0.48, 0.45)),
    Thing("small, on the floor", 0.3, 0.012, (0.25, 0.60), (0.30, 0.61)),
)


@dataclass(frozen=True)
class Trial:
    """One pair in which something moved: both frames, the two truths as pairs, and where the thing is in either."""

    name: str
    seed: int
    evs: tuple[float, float]
    under: Picture
    over: Picture
    truths: tuple[tuple[Picture, Picture], tuple[Picture, Picture]]
    spoilt: Mask


@dataclass(frozen=True)
class Outcome:
    """PSNR against the nearer truth, where the thing is in either frame and elsewhere, before and after, in dB."""

    trial: Trial
    result: Deghosted
    before: float
    after: float
    still_before: float
    still_after: float


def trials(seeds: tuple[int, ...] = SEEDS) -> Iterator[Trial]:
    """Every thing, and the samples' rolling ball, in every scene, at exposures that take turns."""
    for seed in seeds:
        for number, (name, first, last, spoilt) in enumerate(_moves(seed)):
            evs = EVS[(number + seed) % len(EVS)]
            yield _photographed(name, seed, evs, first, last, spoilt)


def outcome(trial: Trial, fuser: Fuser) -> Outcome:
    """Deghost and fuse one trial, and measure it."""
    result = deghost(trial.under, trial.over)
    truths = [fuser(*pair) for pair in trial.truths]
    ghosted, fused = fuser(trial.under, trial.over), fuser(result.under, result.over)
    still = ~_grown(trial.spoilt)
    return Outcome(
        trial,
        result,
        before=max(psnr(ghosted, truth, trial.spoilt) for truth in truths),
        after=max(psnr(fused, truth, trial.spoilt) for truth in truths),
        still_before=max(psnr(ghosted, truth, still) for truth in truths),
        still_after=max(psnr(fused, truth, still) for truth in truths),
    )


def psnr(picture: Picture, truth: Picture, where: Mask) -> float:
    """PSNR over the pixels ``where``, in dB, at most 60."""
    off = picture[where].astype(np.float64) - truth[where]
    return float(-10 * np.log10(max(float(np.mean(off**2)) / 255**2, 1e-6)))


@cache
def _room(seed: int) -> Light:
    return np.asarray(Scene(seed).render(WIDTH, HEIGHT), np.float32)


def _moves(seed: int) -> Iterator[tuple[str, Light, Light, Mask]]:
    room = _room(seed)
    (first, at_first), (last, at_last) = moving_object(room, 0.1), moving_object(room, 0.8)
    yield "ball", first, last, at_first | at_last
    (first, at_first), (last, at_last) = moving_object(room, 0.4), moving_object(room, 0.5)
    yield "ball, slow", first, last, at_first | at_last
    for thing in THINGS:
        (first, at_first), (last, at_last) = thing.stand(room, thing.start), thing.stand(room, thing.end)
        yield thing.name, first, last, at_first | at_last


def _photographed(name: str, seed: int, evs: tuple[float, float], first: Light, last: Light, spoilt: Mask) -> Trial:
    camera = Camera()

    def photo(light: Light, step: int) -> Picture:
        return np.asarray(camera.photograph(light, evs[step], seed=1000 * seed + step), np.uint8)

    under, over = photo(first, 0), photo(last, 1)
    return Trial(name, seed, evs, under, over, ((under, photo(first, 1)), (photo(last, 0), over)), spoilt)


def _grown(mask: Mask) -> Mask:
    import cv2

    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0)


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as a Markdown table, a row for each kind of thing and one for all."""
    lines = [
        "| what moves | pairs | PSNR in the ghost before | after | median gain | least gain | elsewhere, least gain |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    names = list(dict.fromkeys(o.trial.name for o in outcomes))
    for name in [*names, "**all**"]:
        mine = [o for o in outcomes if name in (o.trial.name, "**all**")]
        gains = [o.after - o.before for o in mine]
        before, after = (statistics.median(values) for values in ([o.before for o in mine], [o.after for o in mine]))
        elsewhere = min(o.still_after - o.still_before for o in mine)
        lines.append(
            f"| {name} | {len(mine)} | {before:.1f} dB | {after:.1f} dB | {statistics.median(gains):+.1f} dB "
            f"| {min(gains):+.1f} dB | {elsewhere:+.2f} dB |"
        )
    return "\n".join(lines)


def static_pairs() -> str:
    """What is flagged where nothing moves: every scene at every pair of exposures, 8 and 16 bits."""
    camera, shares = Camera(), []
    for seed in SEEDS:
        for evs in EVS:
            for bits in (8, 16):
                under, over = (
                    camera.photograph(_room(seed), ev, bits=bits, seed=seed * 10 + i) for i, ev in enumerate(evs)
                )
                shares.append(changed(deghost(under, over)))
    touched = sum(share > 0 for share in shares)
    return f"Static pairs: {len(shares)}; changed at all: {touched}; largest share flagged: {max(shares):.3%}."


def real_brackets(folder: Path, threads: int) -> Iterator[str]:
    """For each bracket that deghosting changes: by how much, fused by default, and how much nearer to Mertens or not.

    Mertens fuses the same exposures as they are: it shows what did not move as the fused pictures should.
    """
    import cv2

    fuser, off = Fuser("base", threads), FuseOptions(deghost="off")
    for found in find_brackets(folder):
        frames = [frame_from(str(file), number) for number, file in enumerate(found.exposures, start=1)]
        bracket = in_one_profile(make_bracket(frames))
        plain, result = (fuse_bracket(bracket, fuser, options) for options in (off, FuseOptions()))
        if not result.ghosts:
            continue
        chosen = [plain.bracket.pixels[i] for i in plain.selection]
        mertens = np.clip(cv2.createMergeMertens().process(chosen) * 255, 0, 255)
        everywhere = np.ones(mertens.shape[:2], np.bool_)
        before, after = (psnr(np.rint(mertens).astype(np.uint8), one.picture, everywhere) for one in (plain, result))
        share = max(float((mask > 0).mean()) for mask in result.ghosts)
        between = psnr(plain.picture, result.picture, everywhere)
        yield f"| {found.name} | {share:.1%} | {between:.1f} dB | {after - before:+.2f} dB |"


def changed(result: Deghosted) -> float:
    """The part of a picture that was replaced by predictions."""
    return 0.0 if result.mask is None else float(result.mask.mean()) / 255


def speed(megapixels: float, threads: int, runs: int) -> str:
    """Median seconds for a large pair in which the ball rolls."""
    import cv2

    cv2.setNumThreads(threads)
    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    height = round(width / 1.5)
    trial = next(trials((0,)))
    under, over = (
        cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in (trial.under, trial.over)
    )
    still = cv2.resize(trial.truths[1][0], (width, height), interpolation=cv2.INTER_CUBIC)
    parts = []
    for name, first in (("a rolling ball", under), ("nothing moving", still)):
        seconds = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            result = deghost(first, over, threads=threads)
            seconds.append(time.perf_counter() - start)
        parts.append(f"{name} ({changed(result):.1%} of the picture changed) {statistics.median(seconds[1:]):.2f} s")
    return f"{width}×{height}, uint8, {threads} threads: {'; '.join(parts)}."


def main() -> None:
    """Measure, print, and write the table and the pictures if asked to."""
    parser = argparse.ArgumentParser(description="How well ghosts are removed, with the truth known.")
    parser.add_argument("--table", type=Path, help="a Markdown file to write")
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of each trial")
    parser.add_argument("--brackets", type=Path, help="a folder of real brackets, one a folder")
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.brackets:
        for line in real_brackets(arguments.brackets, arguments.threads):
            print(line, flush=True)
        return
    fuser = Fuser("base", arguments.threads)
    outcomes = [outcome(trial, fuser) for trial in trials()]
    for o in outcomes:
        sources = ("over" if o.result.under is not o.trial.under else "") + (
            "under" if o.result.over is not o.trial.over else ""
        )
        print(
            f"{o.trial.name:40} {o.trial.seed} {o.trial.evs} {o.before:5.1f} → {o.after:5.1f} dB, elsewhere "
            f"{o.still_after - o.still_before:+.2f} dB, {changed(o.result):.1%} by {sources or 'none'}"
        )
        if arguments.pictures:
            _write_pictures(o, fuser, arguments.pictures)
    report = "\n\n".join(
        [table(outcomes), static_pairs(), speed(arguments.megapixels, arguments.threads, arguments.runs)]
    )
    print(report)
    if arguments.table:
        arguments.table.write_text(f"{report}\n")


def _write_pictures(o: Outcome, fuser: Fuser, folder: Path) -> None:
    """Ghosted and deghosted above, mask and truth below."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    trial, result = o.trial, o.result
    truths = [fuser(*pair) for pair in trial.truths]
    fused = fuser(result.under, result.over)
    truth = max(truths, key=lambda t: psnr(fused, t, trial.spoilt))
    above = np.hstack([fuser(trial.under, trial.over), fused])
    below = np.hstack([ghost_overlay(trial.over, result.mask), truth])
    name = f"{trial.name}-{trial.seed}.png".replace(", ", "-").replace(" ", "-")
    cv2.imwrite(str(folder / name), np.vstack([above, below])[..., ::-1])


if __name__ == "__main__":
    main()
