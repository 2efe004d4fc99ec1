"""A package, so that its conftest has a name of its own: pytest collects `api` before the conftest of all tests."""
