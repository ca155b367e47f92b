"""Lets examples start processes, though the gallery runs them in workers of joblib.

There the standard library would start them by joblib's method, which it does not know
in a new process.
"""

import multiprocessing


def reset(gallery_conf, fname):
    """Set the method before an example is run, as sphinx-gallery calls it."""
    multiprocessing.set_start_method("spawn", force=True)
