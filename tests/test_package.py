"""What is shipped: complete metadata, icons and licence, and nothing that the plugin site's scan blocks."""

import ast
import configparser
import io
import re
import subprocess
import tarfile
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_LIMIT_BYTES = 25e6


def git_bytes(*arguments):
    # The checkout may belong to another user (a container's mount), which git refuses by default.
    return subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments], cwd=ROOT, check=True, capture_output=True
    ).stdout


def git(*arguments):
    return git_bytes(*arguments).decode("utf-8")


def shipped_names():
    """Tracked and new files that `git archive` would put into the package."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    patterns = [
        line.split()[0] for line in (ROOT / ".gitattributes").read_text().splitlines() if line.endswith("export-ignore")
    ]

    def is_left_out(name):
        parts = name.split("/")
        parents = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return any(fnmatch(parent, pattern) for parent in parents for pattern in patterns)

    return {name for name in listed if name and not is_left_out(name)}


def shipped_files():
    return [ROOT / name for name in sorted(shipped_names()) if (ROOT / name).is_file()]


def metadata():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    return parser["general"]


# metadata ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "description",
        "about",
        "version",
        "qgisMinimumVersion",
        "author",
        "email",
        "tracker",
        "repository",
        "license",
        "hasProcessingProvider",
        "category",
        "icon",
        "tags",
        "changelog",
    ],
)
def test_metadata_has_what_the_plugin_site_and_users_need(key):
    assert metadata()[key].strip()


def test_metadata_says_what_the_plugin_is():
    general = metadata()
    assert general["name"] == "EcoNet: ecological networks"
    assert (general["qgisMinimumVersion"], general["qgisMaximumVersion"]) == ("3.22", "4.99")
    assert general["license"] == "GPL-2.0-or-later"
    assert general.getboolean("hasProcessingProvider")
    assert general["category"] == "Analysis"
    assert "e0303016" in general["about"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", general["version"])
    assert general["changelog"].startswith(general["version"])
    assert (ROOT / general["icon"]).is_file()


def test_addresses_are_of_one_place():
    general = metadata()
    hosts = {
        re.sub(r"^.*?(//|@)([^/]+).*$", r"\2", general[key]) for key in ("email", "homepage", "repository", "tracker")
    }
    assert len(hosts) == 1


def test_licence_is_the_whole_gpl_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.lstrip().startswith("GNU GENERAL PUBLIC LICENSE\n                       Version 2, June 1991")
    assert "12. IN NO EVENT UNLESS REQUIRED BY APPLICABLE LAW" in text
    assert "END OF TERMS AND CONDITIONS" in text


# icons -------------------------------------------------------------------------------------------


def test_resources_index_exactly_the_icons():
    indexed = [element.text for element in ElementTree.parse(ROOT / "resources.qrc").iter("file")]
    on_disk = {f"icons/{path.name}" for path in (ROOT / "icons").iterdir() if path.is_file()}
    assert sorted(indexed) == sorted(on_disk)


@pytest.mark.parametrize(
    "group", ["econet", "services", "sources", "resistance", "corridors", "breakpoints", "network", "workflows"]
)
@pytest.mark.parametrize("pixels", [16, 24, 64])
def test_icons_render_and_fill_their_square(group, pixels, qgis_app):
    from qgis.PyQt.QtGui import QIcon

    image = QIcon(str(ROOT / "icons" / f"{group}.svg")).pixmap(pixels, pixels).toImage()
    assert (image.width(), image.height()) == (pixels, pixels)
    opaque = [(x, y) for x in range(pixels) for y in range(pixels) if image.pixelColor(x, y).alpha() > 128]
    assert len(opaque) > 0.2 * pixels**2
    for axis in zip(*opaque):
        assert max(axis) - min(axis) > 0.75 * pixels


# what the package holds --------------------------------------------------------------------------


def test_package_holds_the_plugin_and_not_its_workshop():
    names = shipped_names()
    assert {"__init__.py", "metadata.txt", "LICENSE", "resources.qrc"} <= names
    tops = {name.split("/")[0] for name in names}
    assert not tops & {"tests", "benchmarks", "scripts", ".ci", ".venv", "demo-output"}
    assert not [name for name in tops if name.startswith(".")]


def test_git_archive_agrees_with_what_is_looked_at_here():
    """The rules of .gitattributes, applied by git itself to the committed files."""
    archive = git_bytes("archive", "--format=tar", "--worktree-attributes", "HEAD")
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        archived = {member.name for member in package.getmembers() if member.isfile()}
    committed = set(git("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0"))
    assert archived == committed & shipped_names()


def test_package_is_small_enough_for_the_plugin_site():
    assert sum(path.stat().st_size for path in shipped_files()) < PACKAGE_LIMIT_BYTES


def test_nothing_compiled_is_shipped():
    bad = [
        name
        for name in shipped_names()
        if re.search(r"\.(pyc|pyo|so|pyd|dll|dylib|exe|o|a|nbi|nbc|zip|whl|egg)$|__pycache__|_rc\.py$", name)
    ]
    assert bad == []


def test_licences_of_examples_are_said():
    """Every folder of shipped example data has a README that names a licence."""
    folders = {
        path.parent
        for path in shipped_files()
        if path.is_relative_to(ROOT / "examples") and path.suffix in (".tif", ".gpkg", ".csv")
    }
    for folder in folders:
        readme = next(
            (
                parent / "README.md"
                for parent in (folder, *folder.parents)
                if (parent / "README.md").is_file() and parent != ROOT
            ),
            None,
        )
        assert readme, f"{folder} has no README.md"
        assert re.search(r"CC0|GPL|licen[cs]e", readme.read_text(encoding="utf-8"), re.IGNORECASE)


# the plugin site's scan (bandit with no finding allowed) -----------------------------------------

BLOCKED_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "shelve",
    "marshal",
    "subprocess",
    "random",
    "telnetlib",
    "ftplib",
    "xmlrpc",
    "xml",
    "lxml",
    "yaml",
    "requests",
    "urllib",
    "socket",
    "ctypes",
    "PyQt5",
    "PyQt6",
}
BLOCKED_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "tempfile.mktemp",
    "hashlib.md5",
    "hashlib.sha1",
    "os.chmod",
    "np.load",
    "numpy.load",
}


def scan_findings(source, name):
    """Lines of Python source that the scan would block, as `name:line what`."""
    findings = []

    def found(node, what):
        findings.append(f"{name}:{node.lineno} {what}")

    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Assert):
            found(node, "assert")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in BLOCKED_MODULES:
                    found(node, f"import {alias.name}")
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module.split(".")[0] in BLOCKED_MODULES:
                found(node, f"import {node.module}")
        elif isinstance(node, ast.ExceptHandler):
            if node.type is None:
                found(node, "except without a type")
            # As bandit does: passing over a named exception is allowed, passing over all is not.
            if ast.unparse(node.type or ast.Constant(None)) in ("None", "Exception", "BaseException") and isinstance(
                node.body[0], (ast.Pass, ast.Continue)
            ):
                found(node, "every exception passed over")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in BLOCKED_CALLS:
                found(node, f"{called}()")
            if any(k.arg == "shell" and getattr(k.value, "value", False) for k in node.keywords):
                found(node, "shell=True")
        elif isinstance(node, ast.Constant) and re.match(r"(/tmp|/var/tmp|/dev/shm)(/|$)", str(node.value)):
            found(node, "a fixed temporary folder")
        sql = None
        if isinstance(node, ast.JoinedStr):
            sql = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
            sql = str(node.left.value)
        if sql and re.search(
            r"(select\s.*from\s|delete\s+from\s|insert\s+into\s.*values\s|update\s.*set\s)",
            sql,
            re.IGNORECASE | re.DOTALL,
        ):
            found(node, "SQL put together from strings")
    return findings


@pytest.mark.parametrize(
    "source",
    [
        "assert 1",
        "import pickle",
        "from subprocess import run",
        "import xml.etree.ElementTree",
        "import random",
        "try:\n    f()\nexcept Exception:\n    pass",
        "eval('1')",
        "from PyQt5 import QtCore",
        "path = '/tmp/x'",
        "s = f'select {a} from b'",
        "try:\n    f()\nexcept:\n    g()",
    ],
)
def test_scan_finds_what_the_site_blocks(source):
    assert len(scan_findings(source, "x.py")) >= 1


def test_scan_finds_nothing_in_shipped_code():
    sources = [path for path in shipped_files() if path.suffix == ".py"]
    assert ROOT / "core" / "crs.py" in sources
    findings = [
        finding
        for path in sources
        for finding in scan_findings(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]
    assert findings == []


def test_no_secret_or_private_address_is_shipped():
    secrets = re.compile(
        r"(?i)(api[_-]?key|secret|password|token)\s*[=:]\s*['\"][^'\"]{6,}|-----BEGIN|AKIA[0-9A-Z]{16}"
    )
    texts = [
        path
        for path in shipped_files()
        if path.suffix in (".py", ".txt", ".md", ".csv", ".model3", ".qml", ".qrc", ".svg", "")
    ]
    assert [str(path) for path in texts if secrets.search(path.read_text(encoding="utf-8"))] == []


# the two commands --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["scripts/test", "scripts/demo", "scripts/lint", ".ci/run"])
def test_commands_can_be_run(command):
    path = ROOT / command
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", str(path)], check=True)
    tracked = git("ls-files", "-s", command)
    assert tracked == "" or tracked.startswith("100755")


def test_ci_runs_the_tests():
    assert "./scripts/test" in (ROOT / ".ci" / "run").read_text()
