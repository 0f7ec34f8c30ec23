"""What every test shares: no network, one thread a worker, nbval that also looks at pictures."""

import importlib.util
import os
import tempfile
from pathlib import Path

import pytest

NO_NETWORK = Path(__file__).parent / "no_network"


def pytest_configure(config: pytest.Config) -> None:
    """Set what kernels and workers inherit; the first process does it for all.

    Called twice where both ``tests`` and ``notebooks`` are collected; the second call changes nothing.
    """
    if hasattr(config, "course_is_set_up"):
        return
    config.course_is_set_up = True
    os.environ.setdefault("COURSE_NETWORK_LOG", str(Path(tempfile.mkdtemp()) / "network.log"))
    # Two workers on two cores: more threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["COURSE_PROGRESS"] = "0"  # nobody watches a bar here
    for name in ("COURSE_PROFILE", "COURSE_DATASETS"):
        os.environ.pop(name, None)
    # Stored outputs are the CPU's, whatever this machine has. COURSE_TEST_DEVICE=cuda asks whether a GPU gives the same.
    os.environ["COURSE_DEVICE"] = os.environ.get("COURSE_TEST_DEVICE", "cpu")
    paths = [str(NO_NETWORK), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    spec = importlib.util.spec_from_file_location("no_network", NO_NETWORK / "sitecustomize.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))  # this process has started without it
    from tests import pictures

    pictures.teach_nbval()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the whole run if any process tried to reach the network, even if nobody noticed."""
    log = Path(os.environ["COURSE_NETWORK_LOG"])
    if (
        log.exists()
        and not hasattr(session.config, "workerinput")
        and session.exitstatus != pytest.ExitCode.TESTS_FAILED
    ):
        print("\nThe network was tried in the offline profile:\n" + log.read_text(encoding="utf8"))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def bert():
    """The bundled model and its tokenizer."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    from helpers import course

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = course.checkpoint("bert")
    return AutoModel.from_pretrained(folder, add_pooling_layer=False).eval(), AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def tokenizer(bert):
    """The tokenizer alone."""
    return bert[1]
