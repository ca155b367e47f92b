"""Files of estimators that hold numbers and settings, and run no code when opened."""
