"""What is measured: ways of fusing a scene, from its two extreme exposures or from its whole bracket."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lightfuse.brackets.recipe import best_recipe, fuse_by
from lightfuse.evaluation.baselines import average, enfuse, enfuse_available, mertens
from lightfuse.evaluation.scenes import Scene
from lightfuse.fuser import Fuser
from lightfuse.metrics.pictures import Floats, as_unit


@dataclass(frozen=True)
class Method:
    """One way of fusing a scene into RGB float32 in [0, 1].

    Attributes:
        fuse: takes exposures from dark to bright.
        whole_bracket: it is given every exposure; otherwise the darkest and the brightest.
    """

    fuse: Callable[[Sequence[Floats]], Floats]
    whole_bracket: bool = False

    def suits(self, scene: Scene) -> bool:
        """Whether it can say something of its own about the scene: a whole bracket of two is but the pair."""
        return not self.whole_bracket or len(scene.exposures) > 2

    def __call__(self, scene: Scene) -> Floats:
        """Fuse the scene; raises PictureError where its pictures cannot be fused."""
        return self.fuse(scene.exposures if self.whole_bracket else (scene.under, scene.over))


def weights_method(fuser: Fuser) -> Method:
    """A model's way of fusing, on 8-bit or float pictures alike."""
    return Method(lambda pair: as_unit(fuser(*pair)))


def bracket_method(fuser: Fuser) -> Method:
    """A model's way of fusing a whole bracket: the exposures that hold the scene best (see `brackets.recipe`)."""
    return Method(lambda exposures: as_unit(fuse_by(best_recipe(exposures, fuser), exposures, fuser)), True)


def model_methods(fusers: Mapping[str, Fuser], *, whole_bracket: bool) -> dict[str, Method]:
    """Models on the pair and, where whole brackets are measured, on these too."""
    methods = {name: weights_method(fuser) for name, fuser in fusers.items()}
    if whole_bracket:
        methods |= {f"{name}, whole bracket": bracket_method(fuser) for name, fuser in fusers.items()}
    return methods


def baseline_methods() -> dict[str, Method]:
    """Average, OpenCV's Mertens and, where it is installed, enfuse on the pair; Mertens on the whole bracket."""
    methods = {"average": Method(average), "OpenCV Mertens": Method(mertens)}
    if enfuse_available():
        methods["enfuse"] = Method(enfuse)
    methods["OpenCV Mertens, whole bracket"] = Method(mertens, whole_bracket=True)
    return methods
