"""Not for readers: the suite's rules (no network, pictures compared, too) hold when a notebook is tested alone as well."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.conftest import pytest_configure, pytest_sessionfinish  # noqa: F401
