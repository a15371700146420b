"""A model of QGIS under construction: its inputs, and a column of steps for each stage of the chain."""

from load_econet import ROOT, load_econet
from qgis.core import (
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtCore import QPointF

load_econet()

from econet.algorithms.help_text import read_help

MODELS = ROOT / "algorithms" / "models"
SOURCE = QgsProcessingModelChildParameterSource


class Model:
    """A model under construction: inputs on the left, then a column of steps per stage of the chain."""

    def __init__(self, name, title):
        self.model = QgsProcessingModelAlgorithm(name, "Workflows", "workflows")
        self.name = name
        self.order = []
        self.heights = {}
        description, self.texts, _ = read_help(name)
        self.model.setHelpContent(
            {**self.texts, "ALG_DESC": description, "ALG_CREATOR": "EcoNet", "SHORT_DESCRIPTION": title}
        )

    def add_input(self, definition):
        component = QgsProcessingModelParameter(definition.name())
        component.setDescription(definition.description())
        definition.setHelp(self.texts[definition.name()])
        row, column = divmod(len(self.order), 3)
        component.setPosition(QPointF(120 + 230 * column, 60 + 80 * row))
        self.order.append(definition.name())
        self.model.addModelParameter(definition, component)

    def add_step(self, child_id, algorithm, description, sources, outputs=None):
        """A step; ``sources`` maps keys to ``("input", name)``, ``("step", id, key)``, lists of them or values."""
        child = QgsProcessingModelChildAlgorithm(algorithm)
        child.setChildId(child_id)
        child.setDescription(description)
        if child.algorithm() is None:
            raise SystemExit(f"{algorithm} is not registered")
        known = {d.name() for d in child.algorithm().parameterDefinitions()}
        unknown = set(sources) - known
        if unknown:
            raise SystemExit(f"{algorithm} has no parameter {', '.join(sorted(unknown))}")
        # A child that lacks a mandatory parameter fails validation even where it has a default.
        optional = QgsProcessingParameterDefinition.Flag.FlagOptional
        sources = {
            **{
                d.name(): d.defaultValue()
                for d in child.algorithm().parameterDefinitions()
                if not d.isDestination() and not d.flags() & optional and d.defaultValue() is not None
            },
            **sources,
        }
        for key, value in sources.items():
            child.addParameterSources(key, [_source(v) for v in (value if isinstance(value, list) else [value])])
        stage = description.split(" ")[0]
        x = 860 + 300 * (int(stage) - 1)
        y = self.heights.get(stage, 60)
        self.heights[stage] = y + 130 + 36 * len(outputs or {})
        child.setPosition(QPointF(x, y))
        made = {d.name() for d in child.algorithm().outputDefinitions()}
        results = {}
        for position, (name, (key, label)) in enumerate((outputs or {}).items()):
            if key not in made:
                raise SystemExit(f"{algorithm} has no output {key}")
            output = QgsProcessingModelOutput(name, label)
            output.setChildId(child_id)
            output.setChildOutputName(key)
            output.setPosition(QPointF(x + 60, y + 55 + 36 * position))
            results[name] = output
        child.setModelOutputs(results)
        self.model.addChildAlgorithm(child)

    def write(self):
        self.model.setParameterOrder(self.order)
        self.model.updateDestinationParameters()
        fine, messages = self.model.validate()
        if not fine:
            raise SystemExit("\n".join(messages))
        self.model.toFile(str(MODELS / f"{self.name}.model3"))


def _source(value):
    if isinstance(value, tuple) and value[0] == "input":
        return SOURCE.fromModelParameter(value[1])
    if isinstance(value, tuple) and value[0] == "step":
        return SOURCE.fromChildOutput(value[1], value[2])
    return SOURCE.fromStaticValue(value)


def given(name):
    return "input", name


def step(child_id, key="OUTPUT"):
    return "step", child_id, key
