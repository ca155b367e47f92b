"""Fitted models in files: without pickle, and as ONNX graphs.

`save` and `load` take what is fitted, single estimators and pipelines, to a file that
runs no code when it is opened. `to_onnx` writes what other languages and runtimes can
compute; it needs the extra ``deploy``.
"""

from sklatent.deploy._files import load, save
from sklatent.deploy._to_onnx import to_onnx

__all__ = ["load", "save", "to_onnx"]
