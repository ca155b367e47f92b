"""Pipelines of scalers and a model that are models of the input themselves."""

from sklatent.pipeline._pipeline import Pipeline, make_pipeline

__all__ = ["Pipeline", "make_pipeline"]
