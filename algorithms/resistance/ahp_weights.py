"""Toolbox step: weights of factors from pairwise judgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.ahp.experts import read_expert_shares
from ...core.ahp.hierarchy import Hierarchy, read_hierarchy
from ...core.ahp.judged import Aggregation, AhpChoices
from ...core.ahp.matrix import RandomIndex, WeightsMethod
from ...core.ahp.report import ahp_report
from ...core.ahp.weights import ahp_weights, check_hierarchy
from ...core.schemas import AHP_WEIGHTS
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """All judgements, the share of each expert, and how weights follow from them."""

    hierarchy: Hierarchy
    shares: Mapping[str, float]
    choices: AhpChoices


class AhpWeights(EcoNetAlgorithm[Inputs]):
    """Weights from judgements of pairs."""

    ID = "ahpweights"
    NAME = "AHP weights"
    GROUP = "resistance"
    CORE = "ahp.weights"

    def definitions(self) -> list[Any]:
        return [
            p.table(
                "JUDGEMENTS", "Judgements (factor_a, factor_b, judgement; several people: expert)", when_empty="none"
            ),
            p.tables("JUDGEMENT_TABLES", "Or matrices of judgements, one table per expert", optional=True),
            p.table("GROUPS", "Groups of factors (factor, group)", when_empty="none"),
            p.option("AGGREGATION", "Several experts: average of", Aggregation),
            p.option("RANDOM_INDEX", "Random index for the consistency ratio", RandomIndex),
            p.flag("REPAIR", "Repair contradictions by the least change (said in the report)"),
            p.advanced(p.option("METHOD", "Weights by", WeightsMethod)),
            p.advanced(
                p.text("EXPERT_WEIGHTS", "Weights of the experts (name=value, comma between; empty: all alike)")
            ),
            p.vector_output("OUTPUT", "Weights", p.TABLE),
            p.report_output("OUTPUT_REPORT", "Weights report"),
            p.number_output("CONSISTENCY_RATIO", "Consistency ratio"),
            p.number_output("LAMBDA_MAX", "Principal eigenvalue (lambda max)"),
        ]

    def read(self, job: Job) -> Inputs:
        hierarchy = read_hierarchy(
            job.table("JUDGEMENTS"), job.tables("JUDGEMENT_TABLES"), job.table("GROUPS"), progress=job.progress
        )
        return Inputs(
            hierarchy=hierarchy,
            shares=read_expert_shares(job.text("EXPERT_WEIGHTS"), hierarchy.experts),
            choices=AhpChoices(
                aggregation=job.option("AGGREGATION", Aggregation),
                method=job.option("METHOD", WeightsMethod),
                random_index=job.option("RANDOM_INDEX", RandomIndex),
                repair=job.flag("REPAIR"),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        check_hierarchy(inputs.hierarchy, choices=inputs.choices, shares=inputs.shares)

    def execute(self, inputs: Inputs, job: Job) -> None:
        result = ahp_weights(inputs.hierarchy, choices=inputs.choices, shares=inputs.shares, progress=job.progress)
        job.write_table("OUTPUT", AHP_WEIGHTS, result.weights)
        job.write_report("OUTPUT_REPORT", ahp_report(result, job.report_parameters()))
        job.result("CONSISTENCY_RATIO", result.consistency_ratio)
        job.result("LAMBDA_MAX", result.lambda_max)
