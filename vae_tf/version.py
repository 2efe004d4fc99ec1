"""The version, where every module may read it."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
