import os

# scikit-learn checks array API input only where SciPy was told of it at import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
