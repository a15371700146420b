"""Weights from judgements of pairs: the analytic hierarchy process (AHP)."""
