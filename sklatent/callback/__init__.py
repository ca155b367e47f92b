"""Callbacks for scikit-learn's callback interface."""

from sklatent.callback._loss_monitor import LossMonitor

__all__ = ["LossMonitor"]
