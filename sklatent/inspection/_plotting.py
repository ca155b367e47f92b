"""What the displays share: axes, colors, and checks of arguments."""

import numbers

from sklearn.utils.validation import check_is_fitted

from sklatent.utils._extras import install_advice

# M. A. Petroff (2021), Accessible color sequences for data visualization,
# arXiv:2107.02270: ten colors that differ with deficient color vision too.
PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
BLUE, ORANGE, RED = PALETTE[:3]
GREY = PALETTE[8]


def pyplot(caller):
    """Import `matplotlib.pyplot`, or raise an error that says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. "
            f"{install_advice('plot')}"
        ) from error
    return plt


class Display:
    """Base of the displays: the axes, and the check of the estimator."""

    def _start(self, ax, **figure_options):
        """Return the axes to draw on; None makes a new figure."""
        plt = pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = plt.subplots(layout="constrained", **figure_options)
        self.ax_, self.figure_ = ax, ax.figure
        return ax

    def _plot_band(self, ax, x, low, high):
        """Shade the band between two curves, and keep it."""
        self.band_ = ax.fill_between(x, low, high, color=BLUE, alpha=0.25, linewidth=0)

    @classmethod
    def _check(cls, estimator, *needed, have):
        """Check that an estimator is fitted, and has what the display draws.

        Parameters
        ----------
        estimator : object
            The estimator.
        *needed : str
            Names of methods and attributes.
        have : str
            Estimators that have them, for the message.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            what = "the class " * isinstance(estimator, type)
            what += getattr(estimator, "__name__", type(estimator).__name__)
            raise TypeError(
                f"`estimator` must be a fitted estimator, such as {have}; got {what}."
            )
        check_is_fitted(estimator)
        missing = [name for name in needed if not hasattr(estimator, name)]
        if missing:
            raise TypeError(
                f"`estimator` must have {' and '.join(needed)}, such as {have}; got "
                f"{type(estimator).__name__}, which has no {missing[0]}."
            )


def check_components(components, n_components):
    """Return two positions of components as a list."""
    components = list(components)
    known = all(
        isinstance(i, numbers.Integral) and 0 <= i < n_components for i in components
    )
    if len(components) != 2 or not known or components[0] == components[1]:
        raise ValueError(
            "components must be two different positions in "
            f"[0, {n_components - 1}], since codes have {n_components} components; got "
            f"{tuple(components)}."
        )
    return components
