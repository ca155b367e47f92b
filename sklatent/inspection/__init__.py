"""Pictures of fitted estimators. matplotlib is imported when one is drawn."""

__all__ = []
