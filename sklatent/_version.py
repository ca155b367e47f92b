"""The version, alone in a file that the build can read without importing."""

__version__ = "0.2.0.dev0"
