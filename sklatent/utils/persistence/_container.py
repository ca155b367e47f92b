"""Arrays and JSON in one file, in the layout of safetensors.

Eight bytes with the length of the header; the header, which is JSON and says of each
array its type, shape and place; the arrays, one after the other. Whoever has the
package safetensors can read the arrays; here NumPy is enough.

https://huggingface.co/docs/safetensors has the layout.
"""

import hashlib
import json
import math
import os

import numpy as np

# Numbers of NumPy by the names that the layout has for them.
DTYPES = {
    "BOOL": np.dtype("?"),
    **{f"U{8 * n}": np.dtype(f"<u{n}") for n in (1, 2, 4, 8)},
    **{f"I{8 * n}": np.dtype(f"<i{n}") for n in (1, 2, 4, 8)},
    **{f"F{8 * n}": np.dtype(f"<f{n}") for n in (2, 4, 8)},
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def dumps(value):
    """JSON in the one spelling that files have; NaN and infinity are no JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def loads(text):
    """Value of JSON, which may hold no number that is NaN or infinite."""
    return json.loads(text, parse_float=finite, parse_constant=finite)


def finite(text):
    """Return a number of JSON, which may not be NaN or infinite."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"its header has the number {text}")
    return value


def digest_of(name, array):
    """Digest of the name, type, shape and numbers of an array."""
    digest = hashlib.blake2b(f"{name} {array.dtype.str} {array.shape}".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def digest_of_text(text):
    """Digest of a text."""
    return hashlib.blake2b(text.encode()).hexdigest()


def pack(arrays, metadata):
    """Return the bytes of a file, in pieces.

    Parameters
    ----------
    arrays : dict
        Arrays by name, contiguous in the order of C, of the types in `DTYPES`.
    metadata : dict
        Strings by name.

    Returns
    -------
    pieces : list
        Bytes, and buffers of the arrays.
    """
    header, end = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
    text = dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8
    buffers = [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    return [len(text).to_bytes(8, "little"), text, *buffers]


def read(path):
    """Return the arrays and the metadata of a file.

    No more memory is taken than the file is long, whatever its header says.
    """
    with open(path, "rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if n_bytes == 0:
            raise ValueError("it is empty")
        # Eight bytes of a text are a number that is far too large.
        if n_bytes < 8 or length > n_bytes - 8:
            raise ValueError("it does not begin with the length of a header")
        text = file.read(length)
        header = loads(text)
        # One spelling only, so that no byte can change without being noticed.
        if not isinstance(header, dict) or dumps(header).encode() != text.rstrip(b" "):
            raise ValueError("its header is not as `save` writes it")
        metadata = header.pop("__metadata__", {})
        places = check_places(header, n_bytes - 8 - length)
        arrays = {}
        for name, (dtype, shape) in places.items():
            arrays[name] = array = np.empty(shape, dtype)
            if file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:
                raise ValueError(f"its entry {name} is cut off")
    return arrays, metadata


def check_places(header, n_bytes):
    """Return type and shape of each array, which must fill a file without gaps."""
    places, end = {}, 0
    for name, entry in header.items():
        try:
            dtype, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
            start, stop = entry["data_offsets"]
            valid = len(entry) == 3 and all(type(n) is int and n >= 0 for n in shape)
            size = math.prod(shape) * dtype.itemsize
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"its header does not describe {name}: {error!r}"
            ) from None
        if not valid or (start, stop) != (end, end + size) or stop > n_bytes:
            raise ValueError(f"its entry {name} has not the size that it should")
        places[name], end = (dtype, shape), stop
    if end != n_bytes:
        raise ValueError(f"it has {n_bytes - end} bytes that belong to no entry")
    return places
