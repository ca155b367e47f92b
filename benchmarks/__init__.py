"""Speed and accuracy beside other packages: ``python -m benchmarks NAME``."""
