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

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..report import number, p_value

COMPONENT_SCORES, COMMUNALITIES, EQUAL, ENTROPY, MANUAL = WEIGHTINGS = (
    "component scores",
    "communalities",
    "equal",
    "entropy",
    "manual",
)
EIGENVALUE_RULE, VARIANCE_RULE = COMPONENT_RULES = ("eigenvalue above 1", "explained variance of 85 %")
CORRELATION, COVARIANCE = MATRICES = ("correlation", "covariance")

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
_TWINS = 0.9  # services that correlate above it say nearly the same


@dataclass
class Components:
    """Principal components of a correlation or covariance matrix; ``nan`` where a statistic is not defined.

    Parameters
    ----------
    names : list of str
        p variables.
    n : int
        Observations.
    correlation, vectors, loadings : ndarray, shape (p, p)
        A component per column, largest eigenvalue first; loadings are vectors x sqrt(eigenvalue) (of a
        covariance matrix: raw), signed so that each column's sum is not negative.
    eigenvalues, explained : ndarray, shape (p,)
        Explained variance as shares of 1.
    deviations : ndarray, shape (p,)
        Standard deviations (n - 1) of the variables.
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
    deviations: np.ndarray
    kept: int
    kmo: float
    msa: np.ndarray
    bartlett_chi2: float
    bartlett_df: int
    bartlett_p: float
    notes: list = field(default_factory=list)
    rule: str = EIGENVALUE_RULE
    matrix: str = CORRELATION

    @property
    def covariance(self):
        """Covariance matrix (n - 1), shape (p, p)."""
        return self.correlation * np.outer(self.deviations, self.deviations)

    @property
    def rescaled_loadings(self):
        """Correlations, -1 to 1, of the variables (rows) with the components (columns), shape (p, p)."""
        return self.loadings if self.matrix == CORRELATION else self.loadings / self.deviations[:, None]

    @property
    def communalities(self):
        """Share (0 to 1) of each variable's own variance that the components kept hold, shape (p,)."""
        return (self.rescaled_loadings[:, : self.kept] ** 2).sum(axis=1)

    @property
    def rule_text(self):
        """The rule that kept components, in words that fit the matrix."""
        if self.rule == EIGENVALUE_RULE and self.matrix == COVARIANCE:
            return f"eigenvalue above the mean of all, {self.eigenvalues.mean():.4g}"
        return self.rule

    @property
    def dropped_share(self):
        """Share (0 to 1) of the variance that lies in the components that were not kept."""
        return float(self.explained[self.kept :].sum())

    def kmo_text(self):
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

    def kept_text(self):
        """A sentence on the components that were kept and dropped."""
        dropped = len(self.names) - self.kept
        if not dropped:
            return f"All {self.kept} components were kept ({self.rule_text})."
        return (
            f"{self.kept} of {len(self.names)} components {'was' if self.kept == 1 else 'were'} kept "
            f"({self.rule_text}); the {dropped} dropped hold{'s' if dropped == 1 else ''} "
            f"{100 * self.dropped_share:.1f} % of the variance, which weights from components do not see."
        )


def principal_components(observations, names, rule=EIGENVALUE_RULE, matrix=CORRELATION):
    """Principal components of the correlation or covariance matrix, KMO, MSA and Bartlett's test.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        n >= 3 rows, p >= 2 columns that each vary.
    rule : str
        Which components are kept; one of ``COMPONENT_RULES``. ``eigenvalue above 1`` means above the mean
        eigenvalue, which is 1 for correlations; where none passes, the first is kept.
    matrix : str
        One of ``MATRICES``.

    Returns
    -------
    Components
        KMO, MSA and Bartlett are NaN for a singular matrix, and a note says which services are at fault.
    """
    observations = np.asarray(observations, dtype=np.float64)
    n, p = observations.shape
    deviations = observations.std(axis=0, ddof=1)
    correlation = np.corrcoef(observations, rowvar=False)
    analysed = correlation if matrix == CORRELATION else correlation * np.outer(deviations, deviations)
    eigenvalues, vectors = np.linalg.eigh(analysed)
    eigenvalues, vectors = eigenvalues[::-1].copy(), vectors[:, ::-1].copy()
    vectors *= np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    total = float(np.trace(analysed))
    explained = eigenvalues / total
    if rule == EIGENVALUE_RULE:
        kept = int(np.count_nonzero(eigenvalues > total / p * (1 + 1e-9)))
    else:
        kept = int(np.searchsorted(np.cumsum(explained), 0.85 - 1e-12)) + 1
    kept = min(p, max(1, kept))
    notes = []
    kmo, msa, chi2, bartlett_p = math.nan, np.full(p, np.nan), math.nan, math.nan
    df = p * (p - 1) // 2
    spectrum = eigenvalues if matrix == CORRELATION else np.linalg.eigvalsh(correlation)
    if spectrum.min() <= _SINGULAR:
        notes.append(
            _why_singular(correlation, names, n) + " KMO, MSA and Bartlett's test are not defined; the weights are."
        )
    else:
        kmo, msa = _kaiser_meyer_olkin(correlation)
        chi2 = -float(np.log(spectrum).sum()) * (n - 1 - (2 * p + 5) / 6)
        from scipy.special import chdtrc

        bartlett_p = float(chdtrc(df, chi2)) if chi2 > 0 else 1.0
    loadings = vectors * np.sqrt(np.maximum(eigenvalues, 0))
    return Components(
        list(names),
        n,
        correlation,
        vectors,
        loadings,
        eigenvalues,
        explained,
        deviations,
        kept,
        kmo,
        msa,
        chi2,
        df,
        bartlett_p,
        notes,
        rule,
        matrix,
    )


def _kaiser_meyer_olkin(correlation):
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


def _why_singular(correlation, names, n):
    p = len(names)
    twins = [
        f"'{names[i]}' and '{names[j]}'"
        for i in range(p)
        for j in range(i + 1, p)
        if abs(correlation[i, j]) > 1 - _SINGULAR
    ]
    if twins:
        return f"The correlation matrix is singular: {', '.join(twins)} are perfectly correlated."
    if n <= p:
        return (
            f"The correlation matrix is singular: {n} grid cells cannot tell {p} services apart "
            f"(make the grid size smaller)."
        )
    return "The correlation matrix is singular: one service is a linear combination of the others."


def component_score_weights(components):
    """|raw loading| / sqrt(eigenvalue), averaged over the components kept by explained variance; sum 1."""
    raw = np.abs(components.vectors[:, : components.kept]) @ components.explained[: components.kept]
    return raw / raw.sum()


def communality_weights(components):
    """Communality (from rescaled loadings) over the components kept, scaled to add to 1."""
    return components.communalities / components.communalities.sum()


def entropy_weights(observations):
    """Entropy weights of non-negative observations, shape (n, p): even services weigh little; sum 1."""
    share = observations / observations.sum(axis=0)
    logs = np.log(np.where(share > 0, share, 1.0))
    difference = 1 + (share * logs).sum(axis=0) / math.log(observations.shape[0])
    return difference / difference.sum()


def weights_by_rule(observations, components):
    """The weights that each rule gives, beside each other.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        Non-negative.
    components : Components or None

    Returns
    -------
    dict of str to ndarray, shape (p,)
        In the order of ``WEIGHTINGS``, without ``manual``; without components equal weights alone, and with
        two variables no weights from components, which are always equal.
    """
    found = {}
    if components is not None and len(components.names) > 2:
        found = {COMPONENT_SCORES: component_score_weights(components), COMMUNALITIES: communality_weights(components)}
    found[EQUAL] = np.full(observations.shape[1], 1.0 / observations.shape[1])
    if components is not None:
        found[ENTROPY] = entropy_weights(observations)
    return found


def needs_statistics(weighting, service_count):
    """Whether a way of weighing needs at least three grid cells that differ."""
    return weighting == ENTROPY or (weighting in (COMPONENT_SCORES, COMMUNALITIES) and service_count > 2)


def weigh(observations, names, weighting, manual=None, rule=EIGENVALUE_RULE, matrix=CORRELATION):
    """Weights of services by their means over grid cells, and what a planner should know of them.

    Parameters
    ----------
    observations : ndarray, shape (n, p)
        Means of p >= 2 normalised services.
    names : list of str
    weighting : str
        One of ``WEIGHTINGS``; with two services equal takes the place of weights from components.
    manual : ndarray, shape (p,), optional
        Weights by hand, for ``manual``.
    rule, matrix : str
        As in :func:`principal_components`.

    Returns
    -------
    (ndarray of shape (p,), Components or None, list of str, str)
        Weights, components where they could be computed, warnings, and the rule that was used.

    Raises
    ------
    InputError
        Fewer than three observations, or a variable without variance, where the weights need more.
    """
    n, p = observations.shape
    warnings = []
    spread = np.ptp(observations, axis=0) if n else np.zeros(p)
    flat = [name for name, s in zip(names, spread) if not s > 1e-9]
    components = None
    if n >= 3 and not flat:
        components = principal_components(observations, names, rule, matrix)
        warnings += components.notes
    elif needs_statistics(weighting, p):
        if n < 3:
            raise InputError(
                f"Only {n} grid cell(s) hold enough valid ground, too few to weigh the services "
                f"by: make the grid size (GRID_SIZE) smaller, or choose equal or manual weights."
            )
        raise InputError(
            f"Service '{flat[0]}' has the same mean in all {n} grid cells, so its weight cannot "
            f"be found: make the grid size (GRID_SIZE) smaller, leave it out, or choose equal or manual "
            f"weights."
        )
    by_rule = weights_by_rule(observations, components)
    if weighting == MANUAL:
        by_rule[MANUAL] = manual
    elif weighting not in by_rule:
        weighting = EQUAL
        warnings.append(
            "With two services principal components cannot weigh (KMO is always 0.5 and the "
            "weights are always equal): equal weights were used."
        )
    if components is not None:
        warnings += _doubts(components, weighting)
    return by_rule[weighting], components, warnings, weighting


def _doubts(components, weighting):
    """What in the components speaks against the weights."""
    names, warnings = components.names, []
    p = len(names)
    if p > 2:
        if components.kmo < 0.5:
            worst = int(np.nanargmin(components.msa))
            mend = (
                f"choose equal or manual weights (WEIGHTING), or leave out '{names[worst]}', which shares least "
                f"with the rest (MSA {components.msa[worst]:.3f})"
                if weighting in (COMPONENT_SCORES, COMMUNALITIES)
                else f"the {weighting} weights used here do not come from components"
            )
            warnings.append(
                f"KMO is {components.kmo:.3f}, below 0.5: the services share too little for "
                f"principal components to weigh them; {mend}."
            )
        for name, loading in zip(names, components.rescaled_loadings[:, 0]):
            if loading < -1e-9:
                warnings.append(
                    f"Service '{name}' opposes the rest (loading {loading:.3f} on the first "
                    f"component): where the others are high it is low, and weights take no "
                    f"account of the sign."
                )
    for i, j in zip(*np.triu_indices(p, 1)):
        if _TWINS < components.correlation[i, j] <= 1 - _SINGULAR:
            warnings.append(
                f"Services '{names[i]}' and '{names[j]}' correlate at "
                f"{components.correlation[i, j]:.3f}: they say nearly the same, which counts twice; leave "
                f"one out, or give manual weights."
            )
    return warnings


# report -----------------------------------------------------------------------------------------------


def report_components(report, components, size_m, weighting):
    """The section of a report on components of grid cells of ``size_m``; ``weighting`` is the rule that was used."""
    c = components
    report.heading("Principal components of the grid cells")
    if c is None:
        report.text("Not computed: they need services that vary over at least three grid cells.")
        return
    if weighting not in (COMPONENT_SCORES, COMMUNALITIES):
        report.text(f"For comparison only: the weights are {weighting} ones.")
    report.text(f"{c.n} grid cells of {number(size_m)} m.")
    report.text(c.kmo_text())
    two = len(c.names) == 2
    report.table(
        ("correlation (-1 to 1)", *c.names), [(name, *map(float, row)) for name, row in zip(c.names, c.correlation)]
    )
    if c.matrix == COVARIANCE:
        report.text(
            "The components are of the covariance matrix, of services normalised to 0 to 1: a service that "
            "uses more of its range between the grid cells counts for more. KMO, MSA and Bartlett's test are of "
            "the correlations, as they always are."
        )
        report.table(
            ("covariance", *c.names, "standard deviation"),
            [(name, *map(float, row), float(s)) for name, row, s in zip(c.names, c.covariance, c.deviations)],
        )
    report.table(
        ("test", "value"),
        [
            ("KMO overall (0 to 1)", "not applicable (always 0.5 with two services)" if two else _defined(c.kmo)),
            *((f"MSA {name} (0 to 1)", _defined(value)) for name, value in zip(c.names, c.msa) if not two),
            ("Bartlett chi2", _defined(c.bartlett_chi2)),
            ("Bartlett degrees of freedom", c.bartlett_df),
            ("Bartlett p", "not defined" if math.isnan(c.bartlett_p) else p_value(c.bartlett_p)),
        ],
    )
    report.text(
        "KMO and MSA: how much of what services share is shared by all, not by pairs alone. Bartlett: whether "
        "services correlate at all; its p assumes independent observations, and neighbouring grid cells "
        "are correlated in space, so it is smaller than it should be."
    )
    if not two:
        report.text(c.kept_text())
    parts = [f"component {i + 1}" for i in range(len(c.names))]
    rows = [(f"loading of {name} (-1 to 1)", *map(float, row)) for name, row in zip(c.names, c.rescaled_loadings)]
    if c.matrix == COVARIANCE:
        rows += [(f"raw loading of {name}", *map(float, row)) for name, row in zip(c.names, c.loadings)]
    report.table(
        ("", *parts),
        [
            ("eigenvalue", *map(float, c.eigenvalues)),
            ("explained variance (%)", *map(float, 100 * c.explained)),
            ("explained so far (%)", *map(float, 100 * np.cumsum(c.explained))),
            ("kept", *(i < c.kept for i in range(len(parts)))),
            *rows,
        ],
    )
    report.text(
        "A loading is the correlation of a service with a component, with its sign: services of one sign rise "
        "and fall together, services of opposite signs replace each other. The sign of a whole component is "
        "free; here its loadings add to a positive number."
        + (" Raw loadings are in the normalised service's own unit." if c.matrix == COVARIANCE else "")
    )
    if not two:
        report.table(("service", "communality (0 to 1)"), list(zip(c.names, map(float, c.communalities))))
        report.text(
            "A communality is the share of a service's own variance that the kept components hold; what is "
            "missing to 1 has no say in weights from components."
        )
    report.figure(
        lambda axes: _scree(axes, c),
        "Scree plot: eigenvalues of the components, their share of the variance, and the mean eigenvalue",
        height=3.4,
    )


def _scree(axes, components):
    places, mean = np.arange(1, len(components.names) + 1), float(components.eigenvalues.mean())
    kept = places <= components.kept
    axes.plot(places, components.eigenvalues, "-", color="#2f7d4f", zorder=1)
    axes.plot(places[kept], components.eigenvalues[kept], "o", color="#2f7d4f", label="kept")
    axes.plot(
        places[~kept], components.eigenvalues[~kept], "o", color="#2f7d4f", markerfacecolor="white", label="dropped"
    )
    axes.axhline(mean, color="#b5462f", linewidth=1, linestyle="--", label=f"mean eigenvalue, {number(mean)}")
    for place, value, share in zip(places, components.eigenvalues, components.explained):
        axes.annotate(
            f"{100 * share:.1f} %", (place, value), textcoords="offset points", xytext=(6, 6), fontsize="small"
        )
    axes.set_xticks(places)
    axes.set_ylim(0, 1.15 * components.eigenvalues[0])
    axes.margins(x=0.1)
    axes.set_xlabel("component")
    axes.set_ylabel("eigenvalue")
    axes.legend(fontsize="small")


def _defined(value):
    return "not defined" if math.isnan(value) else float(value)
