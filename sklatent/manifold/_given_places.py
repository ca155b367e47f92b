"""Places that a user gives an embedding to start from."""

from sklearn.utils import check_array


def given_places(init, n_samples, n_components):
    """Check the places of all rows at the start.

    Parameters
    ----------
    init : array-like of shape (n_samples, n_components)
        The places.
    n_samples, n_components : int
        Numbers of rows and of components.

    Returns
    -------
    places : ndarray of shape (n_samples, n_components)
        In double precision.

    Raises
    ------
    ValueError
        If the shape is another, or a number is not finite.
    """
    places = check_array(init, dtype="float64", input_name="init")
    if places.shape != (n_samples, n_components):
        raise ValueError(
            "init must have a row for each row of X and n_components columns, shape "
            f"{(n_samples, n_components)}; got {places.shape}."
        )
    return places
