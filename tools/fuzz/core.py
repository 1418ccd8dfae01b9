"""Build and run the fuzzers of the C core: libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, all of clang.

    python -m tools.fuzz.core [--target ghosts] --runs 100000 [--isa avx2] [--folder fuzz-core]

The folder keeps the inputs that reached new code, from which the next run goes on, and `crash-…` for one that failed;
the program runs it again when it is given as its argument.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CORE = HERE.parents[1] / "src" / "lightfuse" / "core"
TARGETS = ("core", "ghosts")  # lightfuse.h and align.h; deghost.h
ISA = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"],
}
_FLAGS = [
    "-std=gnu11",
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fno-math-errno",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
]
# Operands of comparisons are not traced: it takes half of the time, and no input has to be equal to anything.
_SANITIZERS = [
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-coverage=trace-cmp,stack-depth",
    "-fno-sanitize-recover=all",
]
# Short strips: small pictures are wider than they are, and they take no time to prepare.
_STRIPS, _SHORT_STRIPS = r"COLUMNS = \d+", "COLUMNS = 64"
# Loops that speed unrolls stay loops: with every operation checked, the compiler would take an hour.
_ROLLED = ["pragma-unroll-threshold=0", "unroll-threshold=0", "unroll-full-max-count=1", "unroll-max-count=1"]
_ASAN = {"ASAN_OPTIONS": "malloc_context_size=0:quarantine_size_mb=8:detect_leaks=0"}


def build(program: Path, isa: str = "baseline", target: str = "core") -> None:
    """Compile the fuzzer of a target; raises FileNotFoundError without clang, CalledProcessError where it fails."""
    clang = shutil.which("clang") or "clang"
    rolled = [word for option in _ROLLED for word in ("-mllvm", f"-{option}")]
    with tempfile.TemporaryDirectory() as place:
        core = shutil.copytree(CORE, Path(place) / "core")
        vectors = core / "parts" / "vectors.h"
        text, found = re.subn(_STRIPS, _SHORT_STRIPS, vectors.read_text())
        if not found:
            raise ValueError(f"{vectors.name} no longer says how long strips are")
        vectors.write_text(text)
        source = [f"-I{core}", str(HERE / f"{target}.c"), "-lm"]
        command = [clang, *_FLAGS, *rolled, *_SANITIZERS, *ISA[isa], *source, "-o", str(program)]
        subprocess.run(command, check=True)


def run(program: Path, folder: Path, runs: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Run so many inputs, from those in the folder on; its error output ends with the figures or with the fault."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-runs={runs}", f"-seed={seed}", "-max_len=128", "-len_control=0", "-detect_leaks=0"]
    options += ["-rss_limit_mb=6144", "-entropic=0", "-print_final_stats=1", f"-artifact_prefix={folder}/"]
    command, env = [str(program), *options, str(corpus)], os.environ | _ASAN
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, env=env, check=False)


def main() -> None:
    """Build, run, and end with the fuzzer's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, default="core")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--isa", choices=sorted(ISA), default="baseline")
    parser.add_argument("--folder", type=Path, default=Path("fuzz-core"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    program = options.folder.absolute() / f"{options.target}-{options.isa}"
    build(program, options.isa, options.target)
    ended = run(program, options.folder, options.runs, options.seed)
    print(ended.stderr[-4000:], file=sys.stderr)
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
