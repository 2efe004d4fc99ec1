"""Errors that are the user's to mend: one line that says what is wrong and what to do.

The command line prints them without a traceback and leaves with exit code 2; anything else is a bug and keeps its traceback.

Example:
    >>> raise_if = UserValueError("training.epochs must be >= 1. Received: 0.")
    >>> isinstance(raise_if, ValueError) and isinstance(raise_if, UserError)
    True
"""

__all__ = ["UserError", "UserFileError", "UserNotImplementedError", "UserValueError"]


class UserError(Exception):
    """Base of every error that is caused by input and mended by changing it.

    Example:
        >>> issubclass(UserValueError, UserError), issubclass(UserFileError, UserError)
        (True, True)
    """


class UserValueError(UserError, ValueError):
    """A value (option, config key, request, data) that breaks a documented rule.

    Example:
        >>> issubclass(UserValueError, ValueError)
        True
    """


class UserFileError(UserError, OSError):
    """A file or folder that is missing, damaged, or cannot be written.

    Example:
        >>> issubclass(UserFileError, OSError)
        True
    """


class UserNotImplementedError(UserError, NotImplementedError):
    """A method that a part of the user's own lacks.

    Example:
        >>> issubclass(UserNotImplementedError, NotImplementedError)
        True
    """
