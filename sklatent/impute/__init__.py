"""Imputation of missing values by models of the whole table."""

from sklatent.impute._latent_imputer import LatentImputer

__all__ = ["LatentImputer"]
