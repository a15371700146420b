"""Principal components of services over grid cells, as SPSS prints them, and weights from them.

Feng, Bai & Wang (2024), section 2.4, weigh services by principal components and do not print the rule
that leads from components to weights; the default, usual in this literature, is the absolute score
coefficient |loading| / sqrt(eigenvalue), averaged over the components kept by their explained variance.
KMO and MSA after Kaiser (1974), Psychometrika 39: 31; test of sphericity after Bartlett (1951),
Biometrika 38: 337.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError

COMPONENT_SCORES, COMMUNALITIES, EQUAL, ENTROPY, MANUAL = WEIGHTINGS = (
    "component scores", "communalities", "equal", "entropy", "manual")
EIGENVALUE_RULE, VARIANCE_RULE = COMPONENT_RULES = (
    "eigenvalue above 1", "explained variance of 85 %")

KAISER = ((0.5, "unacceptable"), (0.6, "miserable"), (0.7, "mediocre"), (0.8, "middling"), (0.9, "meritorious"),
          (math.inf, "marvellous"))
"""Kaiser's (1974) words for a KMO below each bound."""

_SINGULAR = 1e-10
_TWINS = 0.9  # services that correlate above it say nearly the same


@dataclass
class Components:
    """Principal components of a correlation matrix; ``nan`` where a statistic is not defined.

    Parameters
    ----------
    names : list of str
        p variables.
    n : int
        Observations.
    correlation, vectors, loadings : ndarray, shape (p, p)
        A component per column, largest eigenvalue first; loadings are vectors x sqrt(eigenvalue),
        signed so that each column's sum is not negative.
    eigenvalues, explained : ndarray, shape (p,)
        Explained variance as shares of 1.
    kept : int
        Components that weigh.
    kmo : float
    msa : ndarray, shape (p,)
    bartlett_chi2, bartlett_p : float
    bartlett_df : int
    notes : list of str
        What is unusual about this matrix.
    rule : str
        Which components were kept; one of ``COMPONENT_RULES``.
    """

    names: list
    n: int
    correlation: np.ndarray
    vectors: np.ndarray
    loadings: np.ndarray
    eigenvalues: np.ndarray
    explained: np.ndarray
    kept: int
    kmo: float
    msa: np.ndarray
    bartlett_chi2: float
    bartlett_df: int
    bartlett_p: float
    notes: list = field(default_factory=list)
    rule: str = EIGENVALUE_RULE

    @property
    def dropped_share(self):
        """Share (0 to 1) of the variance that lies in the components that were not kept."""
        return float(self.explained[self.kept:].sum())

    def kmo_text(self):
        """A sentence on what this KMO means for the weights."""
        if len(self.names) == 2:
            return "KMO: not applicable (always 0.5 with two services)."
        if math.isnan(self.kmo):
            return "KMO: not defined for these services."
        word = next(word for bound, word in KAISER if self.kmo < bound)
        weak = ("the services share little, so weights from components rest on weak ground: compare them with equal "
                "weights" if self.kmo < 0.6 else "the services share enough for weights from components")
        apart = [f"{name} {value:.3f}" for name, value in zip(self.names, self.msa) if value < 0.5]
        if apart:
            weak += f". MSA is below 0.5 for {', '.join(apart)}, which shares little with the rest"
        return (f"KMO {self.kmo:.3f} is {word} in Kaiser's (1974) words (below 0.5 unacceptable, then miserable, from "
                f"0.6 mediocre, 0.7 middling, 0.8 meritorious, 0.9 marvellous): {weak}.")

    def kept_text(self):
        """A sentence on the components that were kept and dropped."""
        dropped = len(self.names) - self.kept
        if not dropped:
            return f"All {self.kept} components were kept ({self.rule})."
        return (f"{self.kept} of {len(self.names)} components {'was' if self.kept == 1 else 'were'} kept "
                f"({self.rule}); the {dropped} dropped hold{'s' if dropped == 1 else ''} {100 * self.dropped_share:.1f} % of the "
                f"variance, which weights from components do not see.")


def principal_components(observations, names, rule=EIGENVALUE_RULE):
    """Principal components of the correlation matrix, KMO, MSA and Bartlett's test.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        n >= 3 rows, p >= 2 columns that each vary.
    rule : str
        Which components are kept; one of ``COMPONENT_RULES``.

    Returns
    -------
    Components
        KMO, MSA and Bartlett are NaN for a singular matrix, and a note says which services are at fault.
    """
    observations = np.asarray(observations, dtype=np.float64)
    n, p = observations.shape
    correlation = np.corrcoef(observations, rowvar=False)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    eigenvalues, vectors = eigenvalues[::-1].copy(), vectors[:, ::-1].copy()
    vectors *= np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    explained = eigenvalues / p
    if rule == EIGENVALUE_RULE:
        kept = int(np.count_nonzero(eigenvalues > 1 + 1e-9))
    else:
        kept = int(np.searchsorted(np.cumsum(explained), 0.85 - 1e-12)) + 1
    kept = min(p, max(1, kept))
    notes = []
    kmo, msa, chi2, bartlett_p = math.nan, np.full(p, np.nan), math.nan, math.nan
    df = p * (p - 1) // 2
    if eigenvalues[-1] <= _SINGULAR:
        notes.append(_why_singular(correlation, names, n) + " KMO, MSA and Bartlett's test are not defined; "
                     "the weights are.")
    else:
        kmo, msa = _kaiser_meyer_olkin(correlation)
        chi2 = -float(np.log(eigenvalues).sum()) * (n - 1 - (2 * p + 5) / 6)
        from scipy.special import chdtrc
        bartlett_p = float(chdtrc(df, chi2)) if chi2 > 0 else 1.0
    loadings = vectors * np.sqrt(np.maximum(eigenvalues, 0))
    return Components(list(names), n, correlation, vectors, loadings, eigenvalues, explained, kept, kmo, msa,
                      chi2, df, bartlett_p, notes, rule)


def _kaiser_meyer_olkin(correlation):
    inverse = np.linalg.inv(correlation)
    scale = np.sqrt(np.diag(inverse))
    partial = (inverse / np.outer(scale, scale)) ** 2
    plain = correlation ** 2
    np.fill_diagonal(partial, 0)
    np.fill_diagonal(plain, 0)
    total = plain.sum() + partial.sum()
    by_variable = plain.sum(axis=0) + partial.sum(axis=0)
    with np.errstate(invalid="ignore"):  # services without any correlation: 0 / 0, not defined
        return float(plain.sum() / total) if total else math.nan, plain.sum(axis=0) / by_variable


def _why_singular(correlation, names, n):
    p = len(names)
    twins = [f"'{names[i]}' and '{names[j]}'" for i in range(p) for j in range(i + 1, p)
             if abs(correlation[i, j]) > 1 - _SINGULAR]
    if twins:
        return f"The correlation matrix is singular: {', '.join(twins)} are perfectly correlated."
    if n <= p:
        return (f"The correlation matrix is singular: {n} grid cells cannot tell {p} services apart "
                f"(make the grid size smaller).")
    return "The correlation matrix is singular: one service is a linear combination of the others."


def component_score_weights(components):
    """|loading| / sqrt(eigenvalue), averaged over the components kept by explained variance; sum 1."""
    raw = np.abs(components.vectors[:, :components.kept]) @ components.explained[:components.kept]
    return raw / raw.sum()


def communality_weights(components):
    """Communality over the components kept, scaled to add to 1."""
    raw = (components.loadings[:, :components.kept] ** 2).sum(axis=1)
    return raw / raw.sum()


def entropy_weights(observations):
    """Entropy weights of non-negative observations, shape (n, p): even services weigh little; sum 1."""
    share = observations / observations.sum(axis=0)
    logs = np.log(np.where(share > 0, share, 1.0))
    difference = 1 + (share * logs).sum(axis=0) / math.log(observations.shape[0])
    return difference / difference.sum()


def weigh(observations, names, weighting, manual, rule):
    """Weights, components (or None), warnings, and the weighting that was used."""
    n, p = observations.shape
    warnings = []
    wants_components = weighting in (COMPONENT_SCORES, COMMUNALITIES) and p > 2
    spread = np.ptp(observations, axis=0) if n else np.zeros(p)
    flat = [name for name, s in zip(names, spread) if not s > 1e-9]
    components = None
    if n >= 3 and not flat and p > 1:
        components = principal_components(observations, names, rule)
        warnings += components.notes
    elif wants_components or (weighting == ENTROPY and p > 1):
        if n < 3:
            raise InputError(f"Only {n} grid cell(s) hold enough valid ground, too few to weigh the services "
                             f"by: make the grid size (GRID_SIZE) smaller, or choose equal or manual weights.")
        raise InputError(f"Service '{flat[0]}' has the same mean in all {n} grid cells, so its weight cannot "
                         f"be found: make the grid size (GRID_SIZE) smaller, leave it out, or choose equal or manual "
                         f"weights.")
    if weighting == MANUAL:
        weights = manual
    elif weighting == ENTROPY and p > 1:
        weights = entropy_weights(observations)
    elif wants_components:
        weights = (component_score_weights if weighting == COMPONENT_SCORES else communality_weights)(components)
    else:
        weights = np.full(p, 1.0 / p)
        asked, weighting = weighting, EQUAL
        if p == 2 and asked != EQUAL:
            warnings.append("With two services principal components cannot weigh (KMO is always 0.5 and the "
                            "weights are always equal): equal weights were used.")
    if components is not None and p > 2:
        if components.kmo < 0.5:
            warnings.append(f"KMO is {components.kmo:.3f}, below 0.5: the services share too little for "
                            f"principal components to weigh them well.")
        for name, loading in zip(names, components.loadings[:, 0]):
            if loading < -1e-9:
                warnings.append(f"Service '{name}' opposes the rest (loading {loading:.3f} on the first "
                                f"component): where the others are high it is low, and weights take no "
                                f"account of the sign.")
    if components is not None:
        for i, j in zip(*np.triu_indices(p, 1)):
            if _TWINS < components.correlation[i, j] <= 1 - _SINGULAR:
                warnings.append(f"Services '{names[i]}' and '{names[j]}' correlate at "
                                f"{components.correlation[i, j]:.3f}: they say nearly the same, which counts twice; leave one out, or give manual weights.")
    return weights, components, warnings, weighting
