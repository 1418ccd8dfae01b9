"""Data sets for training: brackets decoded, ordered by exposure, cut into patches and split, stored as arrays."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.bracket import in_srgb
from lightfuse.brackets.files import BracketFolder, find_brackets
from lightfuse.errors import DataError, PictureError
from lightfuse.images import read_picture
from lightfuse.images.pixels import to_depth
from lightfuse.sheets import shrink
from lightfuse.system import make_folder, write_atomically
from lightfuse.training.soft_reference import best_colours, soft_reference

Pixels = NDArray[np.uint8]

MANIFEST = "dataset.json"
_FORMAT = 2  # of data sets


@dataclass(frozen=True)
class Scene:
    """One prepared bracket. ``file`` holds uint8 of shape (pictures, height, width, 3).

    They are the exposures, then the reference; without one, `best_colours` and the `soft_reference` of the exposures.
    """

    name: str
    file: str
    split: str
    height: int
    width: int
    exposures: Sequence[str]
    means: Sequence[float]
    lows: Sequence[int]
    highs: Sequence[int]
    has_reference: bool
    patches: Sequence[Sequence[int]]  # their top-left corners

    @property
    def extreme_pair(self) -> tuple[int, int]:
        """Indices of the darkest and the brightest exposure (the paper's pair)."""
        return 0, len(self.exposures) - 1


@dataclass(frozen=True)
class PrepareSettings:
    """How a data set is made (see `prepare`)."""

    long_side: int = 1536  # pixels; 0 keeps the size
    patch: int = 256  # pixels
    stride: int = 256  # pixels
    validation: float = 0.2  # fraction of the scenes
    seed: int = 0


@dataclass(frozen=True)
class Dataset:
    """A prepared data set: where it lies, its scenes, and the brackets and files that were skipped and why."""

    folder: Path
    scenes: Sequence[Scene]
    skipped: Sequence[str]

    def split(self, name: str) -> list[Scene]:
        """The scenes of one split, ``train`` or ``valid``."""
        return [scene for scene in self.scenes if scene.split == name]


def prepare(
    source: Path,
    out: Path,
    settings: PrepareSettings = PrepareSettings(),
    progress: Callable[[str], None] = lambda _: None,
) -> Dataset:
    """Read every bracket below ``source``, order it by mean pixel value, cut it into patches, split it by scene.

    Raises DataError where ``source`` holds no usable bracket, ``out`` something else, or a setting is out of range.
    """
    if settings.patch < 8 or settings.stride < 1 or settings.long_side < 0:
        raise DataError("patch must be at least 8 pixels, stride at least 1, long side at least 0 (0 keeps the size)")
    if not 0 <= settings.validation <= 1:
        raise DataError(f"the validation fraction must be from 0 to 1, not {settings.validation}")
    brackets = find_brackets(source)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).exists())):
        raise DataError(f"{str(out)!r} exists and is not a data set; give another name, nothing was written")
    make_folder(out / "scenes")
    scenes: list[Scene] = []
    skipped: list[str] = []
    splits = split_by_scene([bracket.name for bracket in brackets], settings.validation, settings.seed)
    for bracket in brackets:
        progress(bracket.name)
        try:
            scenes.append(_prepare_scene(bracket, splits[bracket.name], out, settings, skipped))
        except (DataError, PictureError) as error:
            skipped.append(f"{bracket.name}: {error}")
    if not scenes:
        raise DataError(f"no bracket in {str(source)!r} can be used ({'; '.join(skipped)})")
    stored = list(map(asdict, scenes))
    manifest = {"format": _FORMAT, "settings": asdict(settings), "scenes": stored, "skipped": skipped}
    write_atomically(out / MANIFEST, [json.dumps(manifest, indent=1).encode()], overwrite=True)
    return Dataset(out, scenes, skipped)


def load_dataset(folder: Path) -> Dataset:
    """Read what `prepare` wrote; raises DataError where there is no data set, or a damaged one."""
    path = folder / MANIFEST
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["format"] != _FORMAT:
            raise DataError(f"{str(path)!r} is of another version of LightFuse; prepare the data set again")
        return Dataset(folder, [Scene(**scene) for scene in fields["scenes"]], fields["skipped"])
    except OSError:
        sentence = f"no data set in {str(folder)!r}; make one with: lightfuse prepare SOURCE -o {folder}"
        raise DataError(sentence) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{str(path)!r} is damaged ({error}); prepare the data set again") from None


def load_datasets(folders: Sequence[Path]) -> Dataset:
    """Load data sets as one (see `load_dataset`); of several, scene names start with their data set's folder."""
    datasets = [load_dataset(folder) for folder in folders]
    if len(datasets) == 1:
        return datasets[0]
    scenes = [
        replace(scene, name=f"{dataset.folder.name}/{scene.name}", file=str((dataset.folder / scene.file).resolve()))
        for dataset in datasets
        for scene in dataset.scenes
    ]
    return Dataset(datasets[0].folder, scenes, [])


def open_scene(dataset: Dataset, scene: Scene) -> Pixels:
    """Memory-map the scene's pictures: uint8 (N, height, width, 3)."""
    path = dataset.folder / scene.file
    try:
        pictures: Pixels = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read ({error}); prepare the data set again") from None
    return pictures


def patch_corners(height: int, width: int, patch: int = 256, stride: int = 256) -> list[tuple[int, int]]:
    """Top-left corners of patches every ``stride`` pixels; the last of a row or column is aligned to the edge."""

    def starts(side: int) -> list[int]:
        last = side - patch
        return sorted({*range(0, last + 1, stride), last}) if last >= 0 else []

    return [(y, x) for y in starts(height) for x in starts(width)]


def split_by_scene(names: Iterable[str], validation: float, seed: int) -> dict[str, str]:
    """``train`` or ``valid`` for each scene: ``validation`` of them, chosen by a hash of seed and name.

    Scenes are ranked by hash, so that few of them change sides when others are added or removed.
    """
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    count = round(len(ranked) * validation)
    return {name: "valid" if i < count else "train" for i, name in enumerate(ranked)}


def _prepare_scene(
    bracket: BracketFolder, split: str, out: Path, settings: PrepareSettings, skipped: list[str]
) -> Scene:
    found: list[tuple[float, str, Pixels]] = []
    for path in bracket.exposures:
        try:
            picture = _read_small(path, settings.long_side)
        except PictureError as error:
            skipped.append(f"{bracket.name}/{path.name}: {error}")
            continue
        found.append((float(picture.mean()), path.name, picture))
    means, names, exposures = zip(*sorted(found, key=lambda one: one[0]), strict=True) if found else ((), (), ())
    if len(exposures) < 2:
        raise DataError(f"it has {len(exposures)} readable exposure(s); a bracket needs at least two")
    if np.array_equal(exposures[0], exposures[-1]):
        raise DataError("its darkest and brightest exposure are the same picture")
    height, width, _ = exposures[0].shape
    if min(height, width) < settings.patch:
        raise DataError(f"it is {width}×{height}, smaller than a patch of {settings.patch}×{settings.patch}")
    references = [_read_small(path, settings.long_side) for path in (bracket.reference,) if path is not None]
    shapes = {picture.shape for picture in (*exposures, *references)}
    if len(shapes) > 1:
        sizes = ", ".join(sorted(f"{width}×{height}" for height, width, _ in shapes))
        raise DataError(f"its pictures have different sizes: {sizes}")
    references = references or [best_colours(exposures), soft_reference(exposures)]
    file = f"scenes/{bracket.name.replace('/', '__')}.npy"
    np.save(out / file, np.stack([*exposures, *references]))
    return Scene(
        name=bracket.name,
        file=file,
        split=split,
        height=height,
        width=width,
        exposures=names,
        means=[round(mean, 3) for mean in means],
        lows=[int(picture.min()) for picture in exposures],
        highs=[int(picture.max()) for picture in exposures],
        has_reference=bracket.reference is not None,
        patches=patch_corners(height, width, settings.patch, settings.stride),
    )


def _read_small(path: Path, long_side: int) -> Pixels:
    pixels = in_srgb(read_picture(path))
    return to_depth(shrink(pixels, long_side, long_side) if long_side else pixels, 8)
