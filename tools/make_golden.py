"""Makes the golden set anew, after weights or samples have changed: ``python -m tools.make_golden`` (extra: train)."""

from pathlib import Path

from lightfuse import golden as golden_package
from lightfuse.errors import LightFuseError, MissingExtraError
from lightfuse.golden.store import FILE_NAME, save_golden


def main() -> None:
    """Write ``golden.npz`` into the package, and say how large it is."""
    try:
        from tools.golden_maker import make_golden
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("making golden results", "train") from None
    golden, path = make_golden(), Path(golden_package.__file__).with_name(FILE_NAME)
    save_golden(golden, path)
    print(f"{path}: {len(golden.cases)} cases of {', '.join(golden.weights)}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        raise SystemExit(f"lightfuse: {error}") from None
