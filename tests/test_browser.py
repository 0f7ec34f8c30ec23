"""Every notebook in a real JupyterLab, driven by a real browser: Run All, no error, pictures and widgets visible."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from helpers.bundle import ROOT
from tests import full_profile
from tests.hub import Hub

PATHS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER = os.environ.get("COURSE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser found (looked for {', '.join(NAMES)}; COURSE_BROWSER names one)"
)

# Stored counts go first, so that a count means: ran here.
RUN_ALL = """async () => {
    const app = window.jupyterapp;
    const panel = app.shell.currentWidget;
    await panel.sessionContext.ready;
    await app.commands.execute('notebook:clear-all-cell-outputs');
    await app.commands.execute('notebook:run-all-cells');
}"""
# A cell that raises on purpose ends the command early while the kernel goes on with the rest, so: wait for every count.
FINISHED = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = [...panel.content.model.cells].filter((cell) => cell.type === 'code');
    return panel.sessionContext.session.kernel.status === 'idle' && cells.every((cell) => cell.executionCount);
}"""
# What a reader sees below the cells: pictures that have loaded and widgets that have a size.
SEEN = """() => {
    const seen = (selector) => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-output ' + selector)]
        .filter((e) => { const box = e.getBoundingClientRect(); return box.width > 20 && box.height > 10; });
    return {
        pictures: seen('img').filter((e) => e.complete && e.naturalWidth > 50).length,
        widgets: seen('.widget-interact, .widget-box, .jupyter-widgets').length,
        errors: [...document.querySelectorAll('.jp-Notebook')].map((e) => e.innerText)
            .filter((text) => text.includes('Error displaying widget')).length,
    };
}"""


@contextlib.contextmanager
def jupyterlab(folder: Path, environment: dict | None = None, **settings):
    """A JupyterLab server on a folder, with settings of its plug-ins and more variables for its kernels; its address."""
    settings = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}, **settings}
    for name, values in settings.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True"]
    env = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "w"),
        **(environment or {}),
    }
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).read()
                break
            except OSError:
                assert server.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server on a copy of the notebooks, in profile full with small random models; yields its address."""
    folder = tmp_path_factory.mktemp("lab")
    for path in PATHS:
        shutil.copy(path, folder)
    everything_in_the_page = {"notebook-extension/tracker": {"windowingMode": "none"}}  # not only what is on the screen
    with Hub(full_profile.repositories()) as hub:
        kernels = full_profile.environment(hub, tmp_path_factory.mktemp("hub"))
        with jupyterlab(folder, kernels, **everything_in_the_page) as address:
            yield address


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=QUIET.split())
        yield running
        running.close()


def opened(browser, lab: str, name: str, height: int = 1000):
    """A notebook of a server in a page of its own, offline: whatever it asks for elsewhere does not come, as on a train."""
    page = browser.new_page(viewport={"width": 1280, "height": height})
    page.set_default_timeout(400_000)
    page.route(
        "**/*",
        lambda route: route.continue_() if route.request.url.startswith((lab, "data:", "blob:")) else route.abort(),
    )
    page.goto(
        f"{lab}/lab/workspaces/{Path(name).stem}/tree/{name}"
    )  # a workspace of its own: no tabs of the one before
    page.wait_for_function(
        f"() => window.jupyterapp?.shell?.currentWidget?.context?.path === '{name}'"
        " && window.jupyterapp.shell.currentWidget.content?.model?.cells?.length > 1"
    )
    return page


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_run_all(lab, browser, path: Path):
    """In profile full, from a local Hub: nbval has run the cells in mini, and here every line has to work with other models."""
    page = opened(browser, lab, path.name)
    page.evaluate(RUN_ALL)
    page.wait_for_function(FINISHED, polling=500)
    notebook = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON()")
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        source, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        assert "course.start(" not in source or "profile full" in json.dumps(cell["outputs"])
        assert cell["execution_count"], f"did not run:\n{source}"
        for output in cell["outputs"]:
            assert output.get("name") != "stderr", f"stderr: {output.get('text')}\n{source}"
            assert output["output_type"] != "error" or "raises-exception" in tags, f"{output.get('evalue')}\n{source}"
    pictures = sum("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    explorers = sum("explorer" in cell["metadata"].get("tags", []) for cell in cells)
    page.wait_for_function(
        f"() => ({SEEN})().pictures >= {pictures} && ({SEEN})().widgets >= {explorers}", timeout=20_000
    )
    assert page.evaluate(SEEN)["errors"] == 0
    shots = os.environ.get("COURSE_SCREENSHOTS")
    if shots:
        for place, cell in enumerate(page.query_selector_all(".jp-Notebook .jp-CodeCell")):
            if cell.query_selector("img, .jupyter-widgets"):
                cell.screenshot(path=str(Path(shots) / f"{path.stem}_{place:02d}.png"))
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()
