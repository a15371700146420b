"""Principal components of services over grid cells, as SPSS prints them, and weights from them.

Feng, Bai & Wang (2024), section 2.4, weigh services by principal components and do not print the rule
that leads from components to weights; the default, usual in this literature, is the absolute score
coefficient |loading| / sqrt(eigenvalue), averaged over the components kept by their explained variance.
KMO and MSA after Kaiser (1974), Psychometrika 39: 31; test of sphericity after Bartlett (1951),
Biometrika 38: 337: both from correlations, whichever matrix the components come from.

With the covariance matrix a service that uses more of its range between grid cells counts for more; with the
correlation matrix all count alike. Loadings are then in the services' own unit (SPSS: raw), and divided by the
service's standard deviation they are its correlations with the component (SPSS: rescaled). Raw loading /
sqrt(eigenvalue) is the coefficient of the service itself in the component, which is what a weight multiplies, so
component scores take raw loadings. A communality is a share of the service's own variance, so communalities take
rescaled ones. With correlations both kinds of loading are the same. Eigenvalues are kept above their mean, which is 1
for a correlation matrix: Kaiser's rule as SPSS applies it to either matrix (Jolliffe 2002, Principal Component
Analysis, section 6.1.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..arrays import AnyFloats, Floats
from ..errors import InputError
from ..options import Option


class Weighting(Option):
    """How services are weighed against each other."""

    COMPONENT_SCORES = "component scores", "component scores"
    COMMUNALITIES = "communalities", "communalities"
    EQUAL = "equal", "equal"
    ENTROPY = "entropy", "entropy"
    MANUAL = "manual", "manual"

    @property
    def needs_components(self) -> bool:
        """Whether the weights come from principal components."""
        return self in (Weighting.COMPONENT_SCORES, Weighting.COMMUNALITIES)


class ComponentRule(Option):
    """Which principal components are kept, and weigh."""

    EIGENVALUE = "eigenvalue above 1", "eigenvalue above 1"
    VARIANCE = "explained variance of 85 %", "explained variance of 85 %"


class ComponentMatrix(Option):
    """The matrix whose components are taken."""

    CORRELATION = "correlation", "correlation"
    COVARIANCE = "covariance", "covariance"


KAISER = (
    (0.5, "unacceptable"),
    (0.6, "miserable"),
    (0.7, "mediocre"),
    (0.8, "middling"),
    (0.9, "meritorious"),
    (math.inf, "marvellous"),
)
"""Kaiser's (1974) words for a KMO below each bound."""

_SINGULAR = 1e-10
_NEARLY_SAME = 0.9  # a correlation above it: two services that measure nearly the same


@dataclass
class Components:
    """Principal components of a correlation or covariance matrix; ``nan`` where a statistic is not defined.

    Parameters
    ----------
    names : list of str
        p variables.
    n : int
        Number of observations.
    correlation, vectors, loadings : ndarray, shape (p, p)
        A component per column, largest eigenvalue first; loadings are vectors x sqrt(eigenvalue) (of a
        covariance matrix: raw), signed so that each column's sum is not negative.
    eigenvalues, explained : ndarray, shape (p,)
        Explained variance as shares of 1.
    deviations : ndarray, shape (p,)
        Standard deviations (n - 1) of the variables.
    kept : int
        Number of components that weigh, the first ones.
    kmo : float
    msa : ndarray, shape (p,)
    bartlett_chi2, bartlett_p : float
    bartlett_df : int
    notes : list of str
        What is unusual about this matrix.
    rule : ComponentRule
        Which components were kept.
    matrix : ComponentMatrix
        The matrix they are components of.
    """

    names: list[str]
    n: int
    correlation: AnyFloats
    vectors: Floats
    loadings: Floats
    eigenvalues: Floats
    explained: Floats
    deviations: Floats
    kept: int
    kmo: float
    msa: Floats
    bartlett_chi2: float
    bartlett_df: int
    bartlett_p: float
    notes: list[str] = field(default_factory=list)
    rule: ComponentRule = ComponentRule.EIGENVALUE
    matrix: ComponentMatrix = ComponentMatrix.CORRELATION

    @property
    def covariance(self) -> Floats:
        """Covariance matrix (n - 1), shape (p, p)."""
        covariance: Floats = self.correlation * np.outer(self.deviations, self.deviations)
        return covariance

    @property
    def rescaled_loadings(self) -> Floats:
        """Correlations, -1 to 1, of the variables (rows) with the components (columns), shape (p, p)."""
        return self.loadings if self.matrix == ComponentMatrix.CORRELATION else self.loadings / self.deviations[:, None]

    @property
    def communalities(self) -> Floats:
        """Share (0 to 1) of each variable's own variance that the components kept hold, shape (p,)."""
        shares: Floats = (self.rescaled_loadings[:, : self.kept] ** 2).sum(axis=1)
        return shares

    @property
    def rule_text(self) -> str:
        """The rule that kept components, in words that fit the matrix."""
        if self.rule == ComponentRule.EIGENVALUE and self.matrix == ComponentMatrix.COVARIANCE:
            return f"eigenvalue above the mean of all, {self.eigenvalues.mean():.4g}"
        return str(self.rule)

    @property
    def dropped_share(self) -> float:
        """Share (0 to 1) of the variance that lies in the components that were not kept."""
        return float(self.explained[self.kept :].sum())

    def kmo_text(self) -> str:
        """A sentence on what this KMO means for the weights."""
        if len(self.names) == 2:
            return "KMO: not applicable (always 0.5 with two services)."
        if math.isnan(self.kmo):
            return "KMO: not defined for these services."
        word = next(word for bound, word in KAISER if self.kmo < bound)
        if self.kmo < 0.5:
            weak = "the services share too little for weights from components, which stand on no ground here"
        elif self.kmo < 0.6:
            weak = (
                "the services share little, so weights from components rest on weak ground: compare them with "
                "equal weights"
            )
        else:
            weak = "the services share enough for weights from components"
        apart = [f"{name} {value:.3f}" for name, value in zip(self.names, self.msa) if value < 0.5]
        if apart:
            weak += f". MSA is below 0.5 for {', '.join(apart)}, which shares little with the rest"
        return (
            f"KMO {self.kmo:.3f} is {word} in Kaiser's (1974) words (below 0.5 unacceptable, then miserable, from "
            f"0.6 mediocre, 0.7 middling, 0.8 meritorious, 0.9 marvellous): {weak}."
        )

    def kept_text(self) -> str:
        """A sentence on the components that were kept and dropped."""
        dropped = len(self.names) - self.kept
        if not dropped:
            return f"All {self.kept} components were kept ({self.rule_text})."
        return (
            f"{self.kept} of {len(self.names)} components {'was' if self.kept == 1 else 'were'} kept "
            f"({self.rule_text}); the {dropped} dropped hold{'s' if dropped == 1 else ''} "
            f"{100 * self.dropped_share:.1f} % of the variance, which weights from components do not see."
        )


def principal_components(
    observations: Floats,
    names: Sequence[str],
    *,
    rule: ComponentRule = ComponentRule.EIGENVALUE,
    matrix: ComponentMatrix = ComponentMatrix.CORRELATION,
) -> Components:
    """Principal components of the correlation or covariance matrix, KMO, MSA and Bartlett's test.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        n >= 3 rows, p >= 2 columns that each vary.
    names : sequence of str
        One per column.
    rule : ComponentRule
        Which components are kept. ``eigenvalue above 1`` means above the mean eigenvalue, which is 1 for
        correlations; where none passes, the first is kept.
    matrix : ComponentMatrix
        What the components are taken of.

    Returns
    -------
    Components
        KMO, MSA and Bartlett are NaN for a singular matrix, and a note says which services are at fault.
    """
    observations = np.asarray(observations, dtype=np.float64)
    n, p = observations.shape
    deviations = observations.std(axis=0, ddof=1)
    correlation = np.corrcoef(observations, rowvar=False)
    analysed = correlation if matrix == ComponentMatrix.CORRELATION else correlation * np.outer(deviations, deviations)
    eigenvalues, vectors = np.linalg.eigh(analysed)
    eigenvalues, vectors = eigenvalues[::-1].copy(), vectors[:, ::-1].copy()
    vectors *= np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    total = float(np.trace(analysed))
    explained = eigenvalues / total
    if rule == ComponentRule.EIGENVALUE:
        kept = int(np.count_nonzero(eigenvalues > total / p * (1 + 1e-9)))
    else:
        kept = int(np.searchsorted(np.cumsum(explained), 0.85 - 1e-12)) + 1
    kept = min(p, max(1, kept))
    notes: list[str] = []
    kmo, chi2, bartlett_p = math.nan, math.nan, math.nan
    msa: Floats = np.full(p, np.nan)
    df = p * (p - 1) // 2
    spectrum = eigenvalues if matrix == ComponentMatrix.CORRELATION else np.linalg.eigvalsh(correlation)
    if spectrum.min() <= _SINGULAR:
        notes.append(
            _singular_note(correlation, names, n) + " KMO, MSA and Bartlett's test are not defined; the weights are."
        )
    else:
        kmo, msa = _kaiser_meyer_olkin(correlation)
        chi2 = -float(np.log(spectrum).sum()) * (n - 1 - (2 * p + 5) / 6)
        from scipy.special import chdtrc

        bartlett_p = float(chdtrc(df, chi2)) if chi2 > 0 else 1.0
    loadings = vectors * np.sqrt(np.maximum(eigenvalues, 0))
    return Components(
        names=list(names),
        n=n,
        correlation=correlation,
        vectors=vectors,
        loadings=loadings,
        eigenvalues=eigenvalues,
        explained=explained,
        deviations=deviations,
        kept=kept,
        kmo=kmo,
        msa=msa,
        bartlett_chi2=chi2,
        bartlett_df=df,
        bartlett_p=bartlett_p,
        notes=notes,
        rule=rule,
        matrix=matrix,
    )


def _kaiser_meyer_olkin(correlation: AnyFloats) -> tuple[float, Floats]:
    """KMO of all variables, and the MSA of each."""
    inverse = np.linalg.inv(correlation)
    scale = np.sqrt(np.diag(inverse))
    partial = (inverse / np.outer(scale, scale)) ** 2
    plain = correlation**2
    np.fill_diagonal(partial, 0)
    np.fill_diagonal(plain, 0)
    total = plain.sum() + partial.sum()
    by_variable = plain.sum(axis=0) + partial.sum(axis=0)
    with np.errstate(invalid="ignore"):  # services without any correlation: 0 / 0, not defined
        return float(plain.sum() / total) if total else math.nan, plain.sum(axis=0) / by_variable


def _singular_note(correlation: AnyFloats, names: Sequence[str], n: int) -> str:
    """Why a correlation matrix of ``n`` observations is singular."""
    p = len(names)
    pairs = [
        f"'{names[i]}' and '{names[j]}'"
        for i in range(p)
        for j in range(i + 1, p)
        if abs(correlation[i, j]) > 1 - _SINGULAR
    ]
    if pairs:
        return f"The correlation matrix is singular: {', '.join(pairs)} are perfectly correlated."
    if n <= p:
        return (
            f"The correlation matrix is singular: {n} grid cells cannot tell {p} services apart "
            f"(make the grid size smaller)."
        )
    return "The correlation matrix is singular: one service is a linear combination of the others."


def component_score_weights(components: Components) -> Floats:
    """|raw loading| / sqrt(eigenvalue), averaged over the components kept by explained variance; sum 1."""
    raw: Floats = np.abs(components.vectors[:, : components.kept]) @ components.explained[: components.kept]
    weights: Floats = raw / raw.sum()
    return weights


def communality_weights(components: Components) -> Floats:
    """Communality (from rescaled loadings) over the components kept, scaled to add to 1."""
    weights: Floats = components.communalities / components.communalities.sum()
    return weights


def entropy_weights(observations: Floats) -> Floats:
    """Entropy weights of non-negative observations, shape (n, p): even services weigh little; sum 1."""
    share = observations / observations.sum(axis=0)
    logs = np.log(np.where(share > 0, share, 1.0))
    difference = 1 + (share * logs).sum(axis=0) / math.log(observations.shape[0])
    weights: Floats = difference / difference.sum()
    return weights


def weights_by_rule(observations: Floats, components: Components | None) -> dict[Weighting, Floats]:
    """The weights that each rule gives, beside each other.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        Non-negative.
    components : Components or None
        Of the observations; None where they could not be computed.

    Returns
    -------
    dict of Weighting to ndarray, shape (p,)
        In the order of `Weighting`, without ``manual``; without components equal weights alone, and with
        two variables no weights from components, which are always equal.
    """
    found = {}
    if components is not None and len(components.names) > 2:
        found = {
            Weighting.COMPONENT_SCORES: component_score_weights(components),
            Weighting.COMMUNALITIES: communality_weights(components),
        }
    found[Weighting.EQUAL] = np.full(observations.shape[1], 1.0 / observations.shape[1])
    if components is not None:
        found[Weighting.ENTROPY] = entropy_weights(observations)
    return found


def needs_statistics(weighting: Weighting, service_count: int) -> bool:
    """Whether a way of weighing needs at least three grid cells that differ."""
    return weighting == Weighting.ENTROPY or (weighting.needs_components and service_count > 2)


class WeightsFound(NamedTuple):
    """What :func:`weigh` finds; ``weighting`` is the rule that was used."""

    weights: Floats
    components: Components | None
    warnings: list[str]
    weighting: Weighting


def weigh(
    observations: Floats,
    names: Sequence[str],
    *,
    weighting: Weighting,
    manual: Floats | None = None,
    rule: ComponentRule = ComponentRule.EIGENVALUE,
    matrix: ComponentMatrix = ComponentMatrix.CORRELATION,
) -> WeightsFound:
    """Weights of services by their means over grid cells, and what a planner should know of them.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        Means of p >= 2 normalised services.
    names : sequence of str
        One per service.
    weighting : Weighting
        With two services equal takes the place of weights from components.
    manual : ndarray, shape (p,), optional
        Weights by hand, for ``manual``.
    rule, matrix : ComponentRule, ComponentMatrix
        As in :func:`principal_components`.

    Returns
    -------
    WeightsFound
        Weights, components where they could be computed, warnings, and the rule that was used.

    Raises
    ------
    InputError
        Fewer than three observations, or a variable without variance, where the weights need more.
    """
    n, p = observations.shape
    warnings: list[str] = []
    spread = np.ptp(observations, axis=0) if n else np.zeros(p)
    flat = [name for name, s in zip(names, spread) if not s > 1e-9]
    components = None
    if n >= 3 and not flat:
        components = principal_components(observations, names, rule=rule, matrix=matrix)
        warnings += components.notes
    elif needs_statistics(weighting, p):
        if n < 3:
            raise InputError(
                f"only {n} grid cell(s) hold enough valid ground, too few to weigh the services by; give a "
                f"smaller grid size, or choose equal or manual weights.",
                parameter="grid_size_m",
            )
        raise InputError(
            f"service '{flat[0]}' has the same mean in all {n} grid cells, so its weight cannot be found; give "
            f"a smaller grid size, leave the service out, or choose equal or manual weights.",
            parameter="grid_size_m",
        )
    by_rule = weights_by_rule(observations, components)
    if weighting == Weighting.MANUAL:
        if manual is None:
            raise ValueError("Manual weighting needs the weights.")
        by_rule[Weighting.MANUAL] = manual
    elif weighting not in by_rule:
        weighting = Weighting.EQUAL
        warnings.append(
            "With two services principal components cannot weigh (KMO is always 0.5 and the "
            "weights are always equal): equal weights were used."
        )
    if components is not None:
        warnings += _weight_warnings(components, weighting)
    return WeightsFound(by_rule[weighting], components, warnings, weighting)


def _weight_warnings(components: Components, weighting: Weighting) -> list[str]:
    """What in the components speaks against the weights."""
    names, warnings = components.names, []
    p = len(names)
    if p > 2:
        if components.kmo < 0.5:
            worst = int(np.nanargmin(components.msa))
            advice = (
                f"choose equal or manual weights, or leave out '{names[worst]}', which shares least "
                f"with the rest (MSA {components.msa[worst]:.3f})"
                if weighting.needs_components
                else f"the {weighting} weights used here do not come from components"
            )
            warnings.append(
                f"KMO is {components.kmo:.3f}, below 0.5: the services share too little for "
                f"principal components to weigh them; {advice}."
            )
        for name, loading in zip(names, components.rescaled_loadings[:, 0]):
            if loading < -1e-9:
                warnings.append(
                    f"Service '{name}' opposes the rest (loading {loading:.3f} on the first "
                    f"component): where the others are high it is low, and weights take no "
                    f"account of the sign."
                )
    for i, j in zip(*np.triu_indices(p, 1)):
        if _NEARLY_SAME < components.correlation[i, j] <= 1 - _SINGULAR:
            warnings.append(
                f"Services '{names[i]}' and '{names[j]}' correlate at "
                f"{components.correlation[i, j]:.3f}: they measure nearly the same, which counts twice; leave "
                f"one out, or give manual weights."
            )
    return warnings
