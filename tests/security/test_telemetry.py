"""Tests that nothing leaves the machine, and that onnxruntime reports nothing to its vendor."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import serenade
from serenade.inference._model_folder import BUNDLED
from serenade.runtime import import_onnxruntime

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("offline_run.py")
UNSHARE = shutil.which("unshare")
# onnxruntime sends nothing in a build service.
SILENCING = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "TF_BUILD"}
_HOMES = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "SERENADE_CACHE")


def _may_unshare():
    if UNSHARE is None or not Path("/proc/net/snmp").is_file():
        return False
    return subprocess.run([UNSHARE, "-rn", "true"], check=False).returncode == 0


def _run_offline(folder, *arguments):
    """Run the script without a network; return its report and the files written elsewhere."""
    work = folder / "work"
    homes = {name: folder / name for name in _HOMES}
    for path in (work, *homes.values()):
        path.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name not in SILENCING}
    environment |= {name: str(path) for name, path in homes.items()}
    done = subprocess.run(
        [UNSHARE, "-rn", sys.executable, SCRIPT, work, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    written = [path for path in folder.rglob("*") if path.is_file()]
    own = (work, homes["SERENADE_CACHE"])
    return json.loads(done.stdout.splitlines()[-1]), [
        str(path)
        for path in written
        if not path.is_relative_to(own[0]) | path.is_relative_to(own[1])
    ]


@pytest.mark.skipif(not _may_unshare(), reason="needs a network namespace")
def test_load_predict_serve_train_and_export_contact_no_machine(tmp_path, example):
    pytest.importorskip("fastapi")
    pytest.importorskip("sklearn")
    report, written = _run_offline(tmp_path, example, "serenade")
    assert report == {"contacted": [], "unrouted": 0}
    assert [
        name for name in written if "onnx" in name or "Microsoft" in name or ".ses" in name
    ] == []


@pytest.mark.skipif(not _may_unshare(), reason="needs a network namespace")
def test_the_watch_sees_telemetry_that_is_not_disabled(tmp_path, example):
    version = tuple(map(int, import_onnxruntime().__version__.split(".")[:2]))
    if version < (1, 29):
        pytest.skip("this onnxruntime sends nothing on this system")
    report, written = _run_offline(tmp_path, example, "control", BUNDLED / "head.onnx")
    assert report["unrouted"] > 0
    assert any("Microsoft" in name for name in written)


def test_only_one_function_imports_onnxruntime():
    folders = [Path(serenade.__file__).parent, ROOT / "benchmarks", ROOT / "scripts"]
    found = []
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found += [path.name for name in names if name.split(".")[0] == "onnxruntime"]
    assert found == ["_session.py"]


def test_import_onnxruntime_replaces_a_setting_of_the_user():
    code = "import os, serenade; serenade.load(); print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
