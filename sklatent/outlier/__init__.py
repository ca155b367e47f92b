"""Outlier, anomaly and novelty detection: thresholds and p-values for any density."""

from sklatent.outlier._outlier_detector import OutlierDetector

__all__ = ["OutlierDetector"]
