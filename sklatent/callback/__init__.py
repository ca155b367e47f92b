"""Callbacks for scikit-learn's callback interface."""

from sklatent.callback._loss_monitor import LossMonitor
from sklatent.callback._progress_log import ProgressLog

__all__ = ["LossMonitor", "ProgressLog"]
