"""
===========================================================================
Multiple imputation: a table that is imputed once claims more than it knows
===========================================================================

In a table of diabetes patients 30 % of the entries are removed at random and imputed.
An imputation can be judged in two ways: by its error, and by its effect on an estimate
that is made from the imputed table, with a standard error.
"""

# %%
# The table has ten measurements and the progress of the disease, which has to be in the
# table: without it the imputed entries would not be related to it. All columns are
# standardized. The estimate is the coefficient of the body mass index in a regression
# of the progress on all ten measurements, with the standard error that the regression
# reports.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import GaussianMixture
from sklatent.exceptions import HeywoodWarning
from sklatent.neural import VAETransformer

# Two blood values nearly determine a third. Some methods warn of this.
warnings.simplefilter("ignore", ConvergenceWarning)
warnings.simplefilter("ignore", HeywoodWarning)

data = load_diabetes(scaled=False)
X = np.column_stack([data.data, data.target])
X = (X - X.mean(axis=0)) / X.std(axis=0)
BMI = 2


def regression(table):
    """Coefficient of the body mass index, and its standard error."""
    A, y = np.column_stack([np.ones(len(table)), table[:, :-1]]), table[:, -1]
    inverse = np.linalg.inv(A.T @ A)
    coefficients = inverse @ (A.T @ y)
    noise = np.sum((y - A @ coefficients) ** 2) / (len(A) - A.shape[1])
    return coefficients[1 + BMI], np.sqrt(noise * inverse[1 + BMI, 1 + BMI])


def pooled(tables):
    """The same from several draws of a table, pooled by Rubin's rules."""
    estimates, errors = np.transpose([regression(table) for table in tables])
    between = estimates.var(ddof=1) * (1 + 1 / len(tables))
    return estimates.mean(), np.sqrt(np.mean(errors**2) + between)


# %%
# Scikit-learn's imputers and the models of sklatent impute five tables with different
# missing entries. The models also draw each table twenty times for multiple imputation,
# and the estimates are pooled by Rubin's rules.

imputers = {
    "SimpleImputer": SimpleImputer(),
    "KNNImputer": KNNImputer(n_neighbors=10),
    "IterativeImputer": IterativeImputer(max_iter=20, random_state=0),
}
models = {
    "PPCA": PPCA(4, random_state=0),
    "FactorAnalysis": FactorAnalysis(4, tol=1e-5),
    "GaussianMixture": GaussianMixture(2, reg_covar=0.01, random_state=0),
    "VAETransformer": VAETransformer(
        4,
        hidden_layer_sizes=(32,),
        skip_connections=True,
        lr=5e-3,
        lr_schedule="one_cycle",
        max_epochs=80,
        batch_size=64,
        random_state=0,
    ),
}
errors = {name: [] for name in [*imputers, *models]}
single = {name: [] for name in errors}
multiple = {name: [] for name in models if hasattr(models[name], "sample_missing")}
for seed in range(5):
    missing = np.random.RandomState(seed).uniform(size=X.shape) < 0.3
    table = np.where(missing, np.nan, X)
    for name in errors:
        if name in imputers:
            imputed = imputers[name].fit_transform(table)
        else:
            imputed = models[name].fit(table).impute(table)
        errors[name].append(np.mean((imputed - X)[missing] ** 2))
        single[name].append(regression(imputed))
        if name in multiple:
            draws = models[name].sample_missing(table, 20, random_state=0)
            multiple[name].append(pooled(draws))

whole, whole_error = regression(X)
print(f"complete table: {whole:.2f} ± {whole_error:.2f}")
print(f"{'':<17} {'error':>6} {'imputed once':>20} {'drawn 20 times':>20}")
for name in errors:
    cells = []
    for results in (single, multiple):
        if name in results:
            estimates, reported = np.transpose(results[name])
            off = np.sqrt(np.mean((estimates - whole) ** 2))
            cells.append(f"off by {off:.2f}, ± {reported.mean():.3f}")
    print(
        f"{name:<17} {np.mean(errors[name]):6.2f}", *(f"{cell:>20}" for cell in cells)
    )

# %%
# The left panel has the mean squared error of the imputed entries, which is 1 for the
# mean of a column. The right panel has the coefficient: a symbol for each of the five
# tables, and a bar for the mean standard error that is reported with it. The estimate
# from the complete table is grey.

places = np.arange(len(errors))
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.2), sharey=True, layout="constrained"
)
left.barh(places, [np.mean(errors[name]) for name in errors], color="C0")
left.set_yticks(places, list(errors))
left.invert_yaxis()
left.set(xlabel="mean squared error, variances of the column")
right.axvspan(whole - whole_error, whole + whole_error, color="0.85")
right.axvline(whole, color="0.5", linewidth=0.8, label="complete table")
for results, shift, color, label in (
    (single, -0.15, "C1", "imputed once"),
    (multiple, 0.15, "C2", "drawn twenty times"),
):
    for place, name in zip(places, errors, strict=True):
        if name in results:
            estimates, reported = np.transpose(results[name])
            at = np.full(len(estimates), place + shift)
            right.plot(estimates, at, ".", color=color, markersize=5)
            right.errorbar(
                estimates.mean(),
                place + shift,
                xerr=reported.mean(),
                fmt="|",
                color=color,
                label=label if name == "PPCA" else None,
            )
right.set(xlabel="coefficient of the body mass index", xlim=(-0.1, 0.9))
right.legend(loc="lower right")
plt.show()

# %%
# Models of the whole table impute better than column means and nearest neighbors: with
# a Gaussian mixture and with factor analysis the error is half of the variance. But
# every single imputation reports about the standard error of the complete table (grey),
# as if nothing had been missing, and most estimates of the models are too large, since
# expectations lie closer to the regression than data do. With twenty draws, the
# standard errors are a third larger, and the coefficients of PPCA, of the mixture and
# of the autoencoder are nearer to the truth; those of factor analysis are not. The
# iterative imputer does not converge on columns that nearly determine each other, and
# its coefficients are far off.
