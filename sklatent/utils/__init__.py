"""Tools that more than one subpackage stands on."""
