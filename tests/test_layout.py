"""The layout of the package: imports point down and make no circle, files are few and no longer than a chapter."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lightfuse"
SUFFIXES = {".py", ".c", ".cpp", ".h", ".hpp", ".js", ".css", ".html"}
FILES = [path for path in sorted(SOURCE.rglob("*")) if path.suffix in SUFFIXES]
MODULES = {
    ".".join(("lightfuse", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in FILES
    if path.suffix == ".py"
}
# Rooms (packages and single modules) from top to bottom; each may import what stands on a lower line.
LAYERS = (
    "__main__",
    "cli",
    "batch benchmark demo doctor export opencv training web",
    "evaluation pipeline",
    "outputs",
    "align deghost hdr options sheets",
    "brackets fuser golden looks",
    "torch_device",
    "images metrics models sample",
    "colorspace core",
    "system",
    "errors",
)
LAYER = {room: len(LAYERS) - place for place, line in enumerate(LAYERS) for room in line.split()}


def room(module):
    """The package or single module below `lightfuse` that a module is in; '' for `lightfuse` itself."""
    return module.partition(".")[2].partition(".")[0]


@cache
def trees():
    """The syntax tree of each module."""
    return {module: ast.parse(path.read_text("utf-8")) for module, path in MODULES.items()}


def imported(module):
    """The modules of lightfuse that a module imports, at its top or in a function, but for types only."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [*package.split(".")[: 1 - node.level or None], node.module]))
            base = base if node.level else node.module
            found.update(f"{base}.{name.name}" if f"{base}.{name.name}" in MODULES else base for name in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(trees()[module])
    return (found & MODULES.keys()) - {module}


@pytest.fixture(scope="module")
def imports():
    """What each module imports, by module."""
    return {module: imported(module) for module in MODULES}


def test_imports_make_no_circle(imports):
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {' ← '.join(error.args[1])}")


def test_every_room_stands_on_a_layer():
    assert {room(module) for module in MODULES} - {""} == LAYER.keys()


def test_imports_point_down(imports):
    wrong = {
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if room(module) and room(other) and room(module) != room(other) and LAYER[room(other)] >= LAYER[room(module)]
    }
    assert wrong == set()


def test_images_know_nothing_of_networks(imports):
    seen = {room(other) for module, others in imports.items() if room(module) == "images" for other in others}
    assert seen <= {"images", "errors", "colorspace", "system"}


def test_rooms_stand_at_most_ten_levels_high(imports):
    below = {name: set() for name in LAYER}
    for module, others in imports.items():
        below.get(room(module), set()).update({room(other) for other in others} - {"", room(module)})

    @cache
    def levels(name):
        return 1 + max(map(levels, below[name]), default=0)

    assert max(map(levels, LAYER)) <= 10, {name: levels(name) for name in sorted(LAYER, key=levels)}


def test_every_module_says_what_it_is_for():
    assert [module for module, tree in trees().items() if not ast.get_docstring(tree)] == []


def test_no_file_is_longer_than_a_chapter():
    """Except the page's style sheet."""
    long = [path.name for path in FILES if path.read_text("utf-8").count("\n") > 400]
    assert set(long) <= {"style.css"}


def test_files_and_lines_are_few():
    """What there is may grow no further; with less, these numbers go down."""
    assert len(FILES) <= 180
    assert sum(path.read_text("utf-8").count("\n") for path in FILES) <= 25_550
