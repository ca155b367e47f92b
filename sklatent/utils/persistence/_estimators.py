"""Write an estimator to a file and read it."""

import contextlib
import os

import sklearn
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklatent._version import __version__
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.utils._dask import is_dask
from sklatent.utils._files import write_atomically
from sklatent.utils._warnings import warn
from sklatent.utils.persistence import _container
from sklatent.utils.persistence._decoder import Decoder
from sklatent.utils.persistence._encoder import Encoder
from sklatent.utils.persistence._objects import find_class, public_name
from sklatent.utils.persistence._words import NotPlainError, brief, check_names, cut

FORMAT = "sklatent 1"

SECTIONS = {
    "format": str,
    "version": str,
    "sklearn": str,
    "estimator": dict,
    "digests": dict,
}


def save(estimator, path):
    """Write an estimator to a file.

    Parameters
    ----------
    estimator : estimator
        Of sklatent, or of scikit-learn with plain attributes.
    path : path-like
        The file, replaced if it is there.
    """
    check_is_fitted(estimator)
    encoder = Encoder()
    try:
        encoded = encoder.encode_object(estimator)
    except NotPlainError as error:
        name = ".".join(error.path) or "estimator"
        raise ValueError(
            f"{name} must be plain data to be saved; got {cut(repr(error.value), 300)}."
            f" {advice(error, name)}"
        ) from None
    digests = {n: _container.digest_of(n, a) for n, a in encoder.arrays.items()}
    settings = _container.dumps(
        {
            "format": FORMAT,
            "version": __version__,
            "sklearn": sklearn.__version__,
            "estimator": encoded,
            "digests": digests,
        }
    )
    metadata = {"sklatent": settings, "digest": _container.digest_of_text(settings)}
    write_atomically(path, *_container.pack(encoder.arrays, metadata))


def advice(error, name):
    """Say what can be done about a value that cannot be saved."""
    if error.column is not None:
        return (
            f"It belongs to column {error.column!r} of X; fit with plain levels in it, "
            "such as strings: Series.cat.rename_categories(str) in pandas."
        )
    if hasattr(error.value, "best_estimator_"):
        return "Save its best_estimator_, which is all that predicts."
    if isinstance(error.value, BaseEstimator):
        return (
            "It is not among the estimators of scikit-learn that a file of `save` may "
            "hold; skops.io.dump writes most others, and pickle all."
        )
    if is_dask(error.value):
        return (
            "These are training rows that are not in memory. Pickle the estimator, or "
            "fit it to X.compute()."
        )
    return f"Pickle the estimator, or fit it with {name} as plain data."


def load(path, cls=None, said="load"):
    """Read an estimator from a file.

    Parameters
    ----------
    path : path-like
        The file.
    cls : type, default=None
        The estimator has to be of this class or a subclass; None for any.
    said : str, default="load"
        What was called, for the message.

    Returns
    -------
    estimator : estimator
        As it was saved.
    """
    path = os.fspath(path)
    with blamed_on(path):
        settings, arrays = read(path)
        name = settings["estimator"].get("class")
        classes = with_subclasses(cls) if cls else {}
        decoder = Decoder(arrays, classes)
        found = find_class(name, classes)
        if cls is not None and not issubclass(found, cls):
            raise ValueError(
                f"it holds an estimator of class {name.rpartition('.')[2]}, which "
                f"{said} does not read."
            )
        estimator = decoder.decode_object(settings["estimator"])
        if decoder.unused:
            raise ValueError(f"nothing refers to its entries {sorted(decoder.unused)}.")
    warn_of_versions(name, settings, decoder.foreign)
    return estimator


def read(path):
    """Return the settings and the arrays of a file, which are those that were saved."""
    try:
        arrays, metadata = _container.read(path)
        text, digest = metadata.get("sklatent", "{}"), metadata.get("digest")
        settings = _container.loads(text)
    except OSError:
        raise
    except Exception as error:  # of what is wrong there are many kinds
        raise ValueError(f"it is no file of `save`, or is damaged: {error}.") from error
    found = settings.get("format") if isinstance(settings, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"it has the format {brief(found)}; this version of sklatent reads "
            f"{FORMAT!r} only."
        )
    if digest != _container.digest_of_text(text):
        raise ValueError("its settings are not those that `save` wrote.")
    check_names("sections", settings, SECTIONS)
    for name, kind in SECTIONS.items():
        if not isinstance(settings[name], kind):
            raise ValueError(
                f"its {name} should be a {kind.__name__}; got {brief(settings[name])}."
            )
    check_names("entries", arrays, settings["digests"])
    for name, array in arrays.items():
        if settings["digests"][name] != _container.digest_of(name, array):
            raise ValueError(
                f"the numbers of its entry {name} are not those that `save` wrote."
            )
    return settings, arrays


@contextlib.contextmanager
def blamed_on(path):
    """Raise ValueError that names the file, whatever it does to the body."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        said = cut(str(error), 1000)  # names and values of the file may be long
        raise ValueError(f"path={path!r} cannot be loaded: {said}") from error


def with_subclasses(cls):
    """Return a class and all that inherit from it, by public name."""
    classes = {public_name(cls): cls}
    for subclass in cls.__subclasses__():
        classes |= with_subclasses(subclass)
    return classes


def warn_of_versions(name, settings, foreign):
    """Warn if other versions of sklatent or scikit-learn have written a file."""
    pairs = [("sklatent", settings["version"], __version__)]
    if foreign:
        pairs.append(("scikit-learn", settings["sklearn"], sklearn.__version__))
    for package, saved, here in pairs:
        if saved != here:
            warn(
                f"This {name.rpartition('.')[2]} was saved by {package} {saved} and is "
                f"loaded by {here}; fit it again if its results matter.",
                InconsistentVersionWarning,
            )
