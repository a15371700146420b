"""Toolbox step: weights of factors from pairwise judgements."""

from ...core.ahp.judgements import read_expert_weights, read_hierarchy
from ...core.ahp.matrix import METHODS, RANDOM_INDICES
from ...core.ahp.report import ahp_report
from ...core.ahp.weights import AGGREGATIONS, ahp_weights, check_hierarchy
from ...core.schemas import AHP_WEIGHTS
from .. import parameters as p
from ..base import EcoNetAlgorithm


class AhpWeights(EcoNetAlgorithm):
    ID = "ahpweights"
    NAME = "AHP weights"
    GROUP = "resistance"
    CORE = "ahp.weights"

    def definitions(self):
        return [
            p.table(
                "JUDGEMENTS", "Judgements (factor_a, factor_b, judgement; several people: expert)", when_empty="none"
            ),
            p.tables("JUDGEMENT_TABLES", "Or matrices of judgements, one table per expert", optional=True),
            p.table("GROUPS", "Groups of factors (factor, group)", when_empty="none"),
            p.choice("AGGREGATION", "Several experts: average of", list(AGGREGATIONS)),
            p.choice("RANDOM_INDEX", "Random index for the consistency ratio", list(RANDOM_INDICES)),
            p.flag("REPAIR", "Repair contradictions by the least change (said in the report)"),
            p.advanced(p.choice("METHOD", "Weights by", list(METHODS))),
            p.advanced(
                p.text("EXPERT_WEIGHTS", "Weights of the experts (name=value, comma between; empty: all alike)")
            ),
            p.vector_output("OUTPUT", "Weights", p.TABLE),
            p.report_output("OUTPUT_REPORT", "Weights report"),
            p.number_output("CONSISTENCY_RATIO", "Consistency ratio"),
            p.number_output("LAMBDA_MAX", "Principal eigenvalue (lambda max)"),
        ]

    def _read(self, job):
        hierarchy = read_hierarchy(
            job.table("JUDGEMENTS"), job.tables("JUDGEMENT_TABLES"), job.table("GROUPS"), job.progress
        )
        return hierarchy, read_expert_weights(job.text("EXPERT_WEIGHTS"), hierarchy.experts)

    def validate(self, job):
        hierarchy, say = self._read(job)
        check_hierarchy(hierarchy, job.choice("AGGREGATION"), RANDOM_INDICES[job.choice("RANDOM_INDEX")], say)

    def execute(self, job):
        hierarchy, say = self._read(job)
        result = ahp_weights(
            hierarchy,
            job.choice("AGGREGATION"),
            job.choice("METHOD"),
            RANDOM_INDICES[job.choice("RANDOM_INDEX")],
            say,
            job.flag("REPAIR"),
            job.progress,
        )
        job.write_table("OUTPUT", AHP_WEIGHTS, result.weights)
        job.write_report("OUTPUT_REPORT", ahp_report(result, self.chosen(job)))
        job.result("CONSISTENCY_RATIO", result.consistency_ratio)
        job.result("LAMBDA_MAX", result.lambda_max)

    def chosen(self, job):
        """What the report says of inputs and parameters."""
        given = [job.table("JUDGEMENTS"), *job.tables("JUDGEMENT_TABLES")]
        groups = job.table("GROUPS")
        return [
            ("judgements", ", ".join(raw.name for raw in given if raw)),
            ("groups", groups.name if groups else "none"),
            ("average of", AGGREGATIONS[job.choice("AGGREGATION")]),
            ("random index", RANDOM_INDICES[job.choice("RANDOM_INDEX")]),
            ("weights by", METHODS[job.choice("METHOD")]),
            ("repair", job.flag("REPAIR")),
            ("weights of the experts", job.text("EXPERT_WEIGHTS") or "all alike"),
        ]
