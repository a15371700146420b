"""The folders mean what they say: arrows go one way, core knows no QGIS, algorithms hold no science."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core"
STEPS = ("services", "sources", "resistance", "corridors", "network")
ROOMS = (*STEPS, "connectivity", "ahp", "routing")
MAY_IMPORT = {
    "network": {"network", "corridors", "resistance", "sources", "connectivity"},
    "sources": {"sources", "connectivity"},
    "resistance": {"resistance", "ahp"},
    "services": {"services", "routing"},
    "corridors": {"corridors"},
    "connectivity": {"connectivity"},
    "ahp": {"ahp"},
    "routing": {"routing"},
}
CORE_FILES = sorted(CORE.rglob("*.py"))
ALGORITHM_FILES = sorted(
    path for step in STEPS for path in (ROOT / "algorithms" / step).glob("*.py") if path.name != "__init__.py"
)

# what stands in brackets in core and is a word of the field, and by chance an output's key
WORDS_OF_THE_FIELD = {"(EC)", "(IIC)", "(PC)"}


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """Absolute module names that a file imports, wherever in it; relative ones resolved below econet."""
    package = ("econet", *path.relative_to(ROOT).parent.parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*base, *([node.module] if node.module else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_core_imports_no_qgis_and_arrows_go_one_way(path):
    parts = path.relative_to(CORE).parts
    own = parts[0] if len(parts) > 1 else None
    for module in imports(path):
        assert module.split(".")[0] not in {"qgis", "PyQt5", "PyQt6", "processing"}, module
        assert not module.startswith(("econet.algorithms", "econet.plugin")), module
        step = module.split(".")[2] if module.startswith("econet.core.") else None
        if step in ROOMS:
            assert step in MAY_IMPORT.get(own, set()), f"{name_of(path)} imports {module}"


def run_blocked(blocked, code):
    """Run code in a fresh interpreter in which the named packages cannot be imported."""
    blocker = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {set(blocked)!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
sys.path.insert(0, {str(ROOT / "scripts")!r})
from load_econet import load_econet
load_econet()
import importlib
"""
    result = subprocess.run(
        [sys.executable, "-c", blocker + code],
        capture_output=True,
        text=True,
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"},
    )
    assert result.returncode == 0, result.stderr


def module_names(paths):
    return [
        ".".join(("econet", *path.relative_to(ROOT).with_suffix("").parts)).replace(".__init__", "") for path in paths
    ]


def test_core_loads_where_there_is_no_qgis():
    run_blocked(
        {"qgis", "PyQt5", "PyQt6", "processing"},
        f"for name in {module_names(CORE_FILES)!r}: importlib.import_module(name)",
    )


def test_provider_loads_with_numpy_alone():
    names = module_names([*CORE_FILES, *ALGORITHM_FILES, ROOT / "plugin.py"])
    run_blocked(
        {"scipy", "networkx", "matplotlib", "numba", "skimage", "pandas"},
        f"for name in {names!r}: importlib.import_module(name)",
    )


@pytest.mark.parametrize("path", ALGORITHM_FILES, ids=name_of)
def test_algorithm_files_compute_nothing(path):
    for module in imports(path):
        assert module.split(".")[0] not in {"numpy", "scipy", "math", "networkx", "statistics", "osgeo"}, module
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.BinOp, ast.AugAssign)):
            assert not isinstance(node.op, (ast.Sub, ast.Mult, ast.Pow, ast.FloorDiv, ast.Div, ast.MatMult)), (
                f"arithmetic in line {node.lineno}"
            )


# the chain of names -------------------------------------------------------------------------------


def algorithm_classes():
    from econet.algorithms.provider import algorithm_classes

    return algorithm_classes()


def test_every_algorithm_has_its_chain_of_names(provider):
    from econet.algorithms.base import GROUPS
    from econet.algorithms.help_text import HELP
    from econet.algorithms.styling import STYLES

    for cls in algorithm_classes():
        stem = cls.__module__.rsplit(".", 1)[1]
        assert cls.__name__ == "".join(part.capitalize() for part in stem.split("_")), stem
        assert stem.replace("_", "") == cls.ID, stem
        assert cls.GROUP in GROUPS
        assert (CORE / (cls.CORE.replace(".", "/") + ".py")).exists(), f"{cls.ID}: core.{cls.CORE}"
        assert (HELP / f"{cls.ID}.md").exists(), f"no help for {cls.ID}"
        test = ROOT / "tests" / "algorithms" / cls.__module__.split(".")[-2] / f"test_{stem}.py"
        assert test.exists(), f"no {name_of(test)}"
        keys = {d.name() for d in provider.algorithm(cls.ID).outputDefinitions()}
        assert set(cls.STYLES) <= keys, f"{cls.ID}: STYLES names no output {set(cls.STYLES) - keys}"
        for style in cls.STYLES.values():
            assert (STYLES / f"{style}.qml").exists(), f"{cls.ID}: no style {style}.qml"


def test_every_parameter_and_output_has_help(provider):
    from econet.algorithms.help_text import read_help

    for cls in algorithm_classes():
        algorithm = provider.algorithm(cls.ID)
        texts = read_help(cls.ID)[1]
        keys = {d.name() for d in [*algorithm.parameterDefinitions(), *algorithm.outputDefinitions()]}
        assert keys == set(texts), f"{cls.ID}: {keys ^ set(texts)}"


def test_every_input_of_a_bundled_model_has_help(provider):
    from econet.algorithms.help_text import read_help

    for path in (ROOT / "algorithms" / "models").glob("*.model3"):
        model = provider.algorithm(path.stem)
        inputs = {d.name() for d in model.parameterDefinitions() if not d.isDestination()}
        assert inputs == set(read_help(path.stem)[1]), path.stem
        assert inputs <= set(model.helpContent())


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_the_documents_name_exist(page):
    named = re.findall(
        r"`(?:\./)?((?:core|algorithms|tests|scripts|docs|benchmarks)/[\w./]+)`", (ROOT / page).read_text()
    )
    assert named
    assert [name for name in named if not (ROOT / name.rstrip("/")).exists()] == []


def test_readme_names_every_algorithm(provider):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [a.name() for a in provider.algorithms() if f"`{a.name()}`" not in readme] == []


def test_conventions_that_a_preset_governs_start_with_as_preset(provider):
    for cls in algorithm_classes():
        algorithm = provider.algorithm(cls.ID)
        for definition in algorithm.parameterDefinitions():
            options = getattr(definition, "options", lambda: [])()
            if "as PRESET" in options:
                assert options.index("as PRESET") == 0 and definition.defaultValue() == 0, definition.name()
                assert algorithm.parameterDefinition("PRESET") is not None


IDS = [
    "burnmines",
    "habitatquality",
    "sedimentretention",
    "carbonstorage",
    "wateryield",
    "rainfallerosivity",
    "soilerodibility",
    "plantavailablewater",
    "waterconservation",
    "serviceimportance",
    "naturalbreaks",
    "patches",
    "landscapeconnectivity",
    "selectsources",
    "sourcefirmness",
    "ahpweights",
    "factorresistance",
    "distanceresistance",
    "resistancesurface",
    "mineresistance",
    "corridors",
    "gravitymodel",
    "breakpoints",
    "fracturesurfaces",
    "ecologicalnetwork",
    "networkfromlandcover",
]


def test_provider_has_its_algorithms_groups_and_icons(provider):
    found = {algorithm.name(): algorithm for algorithm in provider.algorithms()}
    assert set(IDS) <= set(found)
    groups = {algorithm.group() for algorithm in found.values()}
    assert groups <= {
        "1 Ecosystem services",
        "2 Sources",
        "3 Resistance",
        "4 Corridors",
        "5 Breakpoints",
        "6 Network",
        "Workflows",
    }
    for algorithm in found.values():
        assert not algorithm.icon().isNull()
        assert algorithm.shortHelpString()


def test_output_fields_are_declared_once_and_fit(provider):
    from econet.core import schemas as fields

    schemas = {name: value for name, value in vars(fields).items() if name.isupper() and isinstance(value, tuple)}
    assert schemas
    for schema in schemas.values():
        names = fields.names(schema)
        assert len(names) == len(set(names))
    for path in ALGORITHM_FILES:
        assert "QgsField" not in path.read_text(encoding="utf-8").replace("QgsFieldProxy", ""), path.name


# how code is written ---------------------------------------------------------------------------------

SHIPPED_FILES = [*CORE_FILES, *sorted((ROOT / "algorithms").rglob("*.py")), ROOT / "plugin.py", ROOT / "__init__.py"]
MOST_LINES_OF_A_MODULE = 500
MOST_LINES_OF_A_FUNCTION = 80
MOST_PARAMETERS = 6


def syntax_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions_of(path):
    return [node for node in ast.walk(syntax_of(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def docstrings_of(tree):
    """The nodes of all docstrings in a piece of code."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                found.add(first.value)
    return found


def code_lines(function, lines):
    """How many lines of a function are code: no docstring, comment or empty line."""
    passed_over = set()
    for docstring in docstrings_of(function):
        passed_over.update(range(docstring.lineno, docstring.end_lineno + 1))
    numbers = range(function.lineno, function.end_lineno + 1)
    texts = [lines[number - 1].strip() for number in numbers if number not in passed_over]
    return sum(bool(text) and not text.startswith("#") for text in texts)


def parameters_of(function):
    """The parameters of a function, without those that the call of a method fills."""
    given = function.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [each for place, each in enumerate(found) if place or each.arg not in ("self", "cls")]


def is_escape(annotation):
    """Whether an annotation says nothing: ``object``."""
    return isinstance(annotation, ast.Name) and annotation.id == "object"


def test_no_module_is_too_long():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SHIPPED_FILES}
    assert {name for name, count in lengths.items() if count > MOST_LINES_OF_A_MODULE} == set()


def test_no_function_is_too_long():
    found = set()
    for path in SHIPPED_FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for function in functions_of(path):
            if code_lines(function, lines) > MOST_LINES_OF_A_FUNCTION:
                found.add(function.name)
    assert found == set()


def test_no_function_takes_too_many_parameters():
    found = {
        function.name
        for path in SHIPPED_FILES
        for function in functions_of(path)
        if len(parameters_of(function)) > MOST_PARAMETERS
    }
    assert found == set()


def test_no_annotation_says_nothing():
    found = set()
    for path in SHIPPED_FILES:
        for node in ast.walk(syntax_of(path)):
            if isinstance(node, (ast.arg, ast.AnnAssign)) and is_escape(node.annotation):
                found.add(getattr(node, "arg", "") or ast.unparse(node.target))
    assert found == set()


def test_nothing_shipped_asserts():
    """The plugin site's scan blocks asserts: say by an `if` and an error what a type checker cannot know."""
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path in SHIPPED_FILES
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Assert)
    }
    assert found == set()


def test_core_does_not_know_the_dialogs(provider):
    """No message of core names a parameter by its key: core's callers may be no dialog."""
    keys = {
        definition.name()
        for algorithm in provider.algorithms()
        for definition in [*algorithm.parameterDefinitions(), *algorithm.outputDefinitions()]
        if definition.name().isupper()
    }
    long_keys = "|".join(sorted(key for key in keys if "_" in key))
    named = re.compile(rf"\b({long_keys})\b|\(({'|'.join(sorted(keys))})\)")
    found = set()
    for path in CORE_FILES:
        tree = syntax_of(path)
        docstrings = docstrings_of(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                found |= {match.group(0) for match in named.finditer(node.value)}
    assert found <= WORDS_OF_THE_FIELD
