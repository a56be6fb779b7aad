import pytest
def pytest_configure(config):
    config.addinivalue_line("markers", "points(value, form=False): what a check is worth")
    config.addinivalue_line("markers", "shortcuts(*names): library calls that would do the whole work")
