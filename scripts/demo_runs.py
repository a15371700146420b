"""Runs models and steps with qgis_process, and reads from them where each output belongs."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from demo_project import file_of
from load_econet import ROOT, load_econet
from qgis.analysis import QgsNativeAlgorithms
from qgis.core import QgsApplication

load_econet()

from econet.algorithms.provider import algorithm_classes
from econet.plugin import EcoNetPlugin

# QGIS does not keep a plugin's Python half alive.
_ALIVE = []


def register_plugin():
    """Make the plugin's algorithms and models known in this process, as QGIS does.

    A model knows its outputs only where the algorithms of its steps are registered.
    """
    registry = QgsApplication.processingRegistry()
    if registry.providerById("native") is None:
        registry.addProvider(QgsNativeAlgorithms(registry))
    if registry.providerById("econet") is None:
        plugin = EcoNetPlugin(None)
        plugin.initProcessing()
        _ALIVE.append(plugin)


@dataclass
class Output:
    """A layer or report that a model or a step leaves."""

    key: str
    title: str
    path: Path
    algorithm: str
    child_output: str
    group: str
    style: str


EXTENSIONS = {"rasterDestination": "tif", "sink": "gpkg", "vectorDestination": "gpkg", "fileDestination": "html"}


def model_outputs(study):
    """Every layer and report of a study's model, with the group and style of the step that makes it."""
    model = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{study.model}")
    if model is None:
        sys.exit(f"The plugin has no model econet:{study.model}.")
    classes = {item.ID: item for item in algorithm_classes()}
    outputs = []
    for definition in model.destinationParameterDefinitions():
        extension = EXTENSIONS.get(definition.type())
        if extension is None:
            continue
        child_id, name = definition.name().split(":", 1)
        child = model.childAlgorithm(child_id)
        made = child.modelOutputs()[name].childOutputName()
        step = classes.get(child.algorithmId().split(":")[-1])
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        outputs.append(
            Output(
                definition.name(),
                definition.description() or name,
                study.folder / f"{slug}.{extension}",
                step.ID if step else child.algorithmId(),
                made,
                step.GROUP if step else "workflows",
                step.STYLES.get(made) if step else None,
            )
        )
    return outputs


def step_outputs(study, step):
    """The outputs of a step, named after their titles."""
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{step.algorithm}")
    if algorithm is None:
        sys.exit(f"The plugin has no step econet:{step.algorithm}.")
    item = {item.ID: item for item in algorithm_classes()}[step.algorithm]
    outputs = []
    for key, title in step.outputs.items():
        extension = EXTENSIONS[algorithm.parameterDefinition(key).type()]
        slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
        outputs.append(
            Output(key, title, study.folder / f"{slug}.{extension}", item.ID, key, item.GROUP, item.STYLES.get(key))
        )
    return outputs


@dataclass
class Run:
    """What a run of a model or step told: numbers and texts by key, seconds by step and in all."""

    results: dict
    steps: list
    seconds: float


def run_model(study, outputs):
    """Run a model, its steps told to the terminal."""
    study.folder.mkdir(parents=True)
    return process(study, study.model, study.parameters, outputs)


def run_step(study, step, outputs, present):
    """Run a step on the layers ``present``; its seconds stand under its own name."""
    paths = {output.path.stem: output.path for output in present}

    def value_of(value):
        return paths[value[1:]] if str(value).startswith("@") else value

    parameters = {
        key: [value_of(item) for item in value] if isinstance(value, list) else value_of(value)
        for key, value in step.parameters.items()
    }
    return process(study, step.algorithm, parameters, outputs)


def process(study, algorithm, parameters, outputs):
    """Run an algorithm with qgis_process; its log is added to log.txt."""
    arguments = []
    for key, given in parameters.items():
        for value in given if isinstance(given, list) else [given]:
            if str(value).startswith(str(ROOT)) and not file_of(value).exists():
                sys.exit(f"{file_of(value)} is missing: the checkout is not complete.")
            arguments.append(f"{key}={value}")
    arguments += [f"{output.key}={output.path}" for output in outputs]
    command = ["stdbuf", "-oL", os.environ["QGIS_PROCESS"], "--verbose", "run", f"econet:{algorithm}", "--", *arguments]
    started, lines = time.monotonic(), []
    with (
        open(study.folder / "log.txt", "a", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
        ) as child,
    ):
        for line in child.stdout:
            log.write(line)
            lines.append(line.rstrip("\n"))
            step = re.search(r"Running (.*) \[(\d+)/(\d+)\]", line)
            if step:
                print(f"  {step.group(2):>2}/{step.group(3)} {step.group(1)}", flush=True)
    if child.returncode:
        print("\n".join(lines[-30:]), file=sys.stderr)
        sys.exit(f"econet:{algorithm} failed; the whole log is {study.folder / 'log.txt'}")
    return Run(results_of(lines), steps_of(lines), time.monotonic() - started)


def results_of(lines):
    """Keys and values after the heading `Results` of qgis_process."""
    start = max((index for index, line in enumerate(lines) if line == "Results"), default=len(lines))
    pairs = (line.split(":\t", 1) for line in lines[start:] if ":\t" in line)
    return dict(pairs)


def steps_of(lines):
    """Names and seconds of a model's steps from its verbose log."""
    steps, name = [], ""
    for line in lines:
        running = re.search(r"Running (.*) \[\d+/\d+\]", line)
        if running:
            name = running.group(1)
        took = re.search(r"Execution took ([\d.]+)\s*(m?s)", line)
        if took and name:
            steps.append((name, float(took.group(1)) / (1000 if took.group(2) == "ms" else 1)))
            name = ""
    return steps
