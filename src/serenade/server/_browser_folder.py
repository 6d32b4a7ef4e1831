"""Write the web page as a folder of static files that predicts in the browser, without a server.

The folder has the files of `static/`, of which those in `browser/` replace the ones of the same
name; the model with its features inside; the speech detector; and onnxruntime-web from npm.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import serenade
from serenade._atomic import write_output
from serenade.adaptation import make_contrasts
from serenade.errors import ModelError, SerenadeError, first_line
from serenade.inference import Model, convert_precision

if TYPE_CHECKING:
    import os

RUNTIME = "onnxruntime-web"
RUNTIME_VERSION = "1.30.0"
"""Package of npm that runs the models in the browser, and its version."""

_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
_FILES = {
    "ort.wasm.bundle.min.mjs": "onnxruntime-web.js",
    "ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
_HERE = Path(__file__).parent
_ASSUMED = "unknown"  # content of a recording to which the page adapts on request
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
_CHARSET = '<meta charset="utf-8">\n'


def write_browser_folder(
    source: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    *,
    precision: Literal["fp32", "fp16", "int8"] | None = None,
    runtime: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a folder that any host of static files can serve as the page of a model.

    Args:
        source: model folder; None for the bundled model.
        out: folder to write; existing files of other names stay.
        precision: see `convert_precision`; None to keep the weights as they are.
        runtime: folder of onnxruntime-web, as in `node_modules`; None to fetch it by npm.

    Returns:
        The folder of the model in `out`.

    Raises:
        ModelError: the model cannot be used.
        SerenadeError: npm or the runtime is missing, or the model's features cannot be part of a
            graph.
        MissingExtraError: the extra "train" is not installed.
    """
    out = Path(out)
    model = Model.load(source)
    model.require_windows()
    if not model.labels:
        raise ModelError(f"{model.folder.path}: predicts values, and the page shows emotions")
    with tempfile.TemporaryDirectory() as scratch:
        package = _check_runtime(Path(runtime)) if runtime else fetch_runtime(Path(scratch))
        out.mkdir(parents=True, exist_ok=True)
        for name, copied in _FILES.items():
            shutil.copyfile(package / "dist" / name, out / copied)
    convert_precision(source, out / "model", precision, features_inside=True)
    for path in (*(_HERE / "static").iterdir(), *(_HERE / "browser").iterdir()):
        if path.suffix in {".js", ".css", ".ogg"}:
            shutil.copyfile(path, out / path.name)
    detector = importlib.resources.files("serenade.voice_activity")
    (out / "detector.onnx").write_bytes((detector / "silero-vad-16k.onnx").read_bytes())
    (out / "detector.LICENSE").write_bytes((detector / "LICENSE").read_bytes())
    write_output(out / "settings.json", json.dumps(_describe(model)))
    page = (_HERE / "static" / "page.html").read_text("utf-8")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    assert page.count(_CHARSET) == 1
    write_output(out / "index.html", page.replace(_CHARSET, _CHARSET + policy))
    return out / "model"


def fetch_runtime(folder: Path) -> Path:
    """Fetch onnxruntime-web by npm, and check its content.

    Args:
        folder: existing folder to unpack it into.

    Returns:
        The folder of the package.

    Raises:
        SerenadeError: npm is missing or cannot fetch it.
    """
    wanted = f"{RUNTIME}@{RUNTIME_VERSION}"
    instead = f"or name the folder of {wanted} with --onnxruntime-web"
    npm = shutil.which("npm")
    if npm is None:
        raise SerenadeError(
            f"npm not found, which fetches {wanted}; install Node.js (on Debian: apt install npm), "
            f"{instead}"
        )
    done = subprocess.run(  # noqa: S603 - the arguments are constants
        [npm, "pack", "--silent", wanted], cwd=folder, capture_output=True, text=True, check=False
    )
    archive = folder / f"{RUNTIME}-{RUNTIME_VERSION}.tgz"
    if done.returncode or not archive.is_file():
        reason = done.stderr.strip().splitlines()
        raise SerenadeError(
            f"npm could not fetch {wanted} ({reason[0] if reason else 'no reason given'}); connect "
            f"this machine to the registry of npm, {instead}"
        )
    digest = hashlib.sha512(archive.read_bytes()).digest()
    if base64.b64encode(digest).decode() != _SHA512:
        raise SerenadeError(f"npm fetched another content of {wanted}; check its registry")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return _check_runtime(folder / "package")


def _check_runtime(folder: Path) -> Path:
    """Return the folder of onnxruntime-web if it has the version and the files."""
    try:
        version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SerenadeError(
            f"{folder}: not the folder of an npm package ({first_line(error)}); name "
            f"node_modules/{RUNTIME}"
        ) from None
    if version != RUNTIME_VERSION or not all((folder / "dist" / name).is_file() for name in _FILES):
        raise SerenadeError(
            f"{folder}: version {version}, but the page needs the files of {RUNTIME} "
            f"{RUNTIME_VERSION}; run npm install {RUNTIME}@{RUNTIME_VERSION}"
        )
    return folder


def _describe(model: Model) -> dict[str, Any]:
    """Return the settings of the page: the model's labels, licence and adaptation."""
    description = model.description
    return {
        "labels": model.labels,
        "licence": description.get("licence", ""),
        "version": serenade.__version__,
        "uncertain_below": description.get("uncertain_below", 0),
        "adaptation": _describe_adaptation(model) if "adaptation" in description else None,
    }


def _describe_adaptation(model: Model) -> dict[str, Any]:
    """Return the model of places for recordings of many speakers and unknown content."""
    places, (alone, adapted), settings = model.folder.places()
    axes, variances = places.axes(speaker=False)
    expectation = settings[_ASSUMED]
    return {
        "labels": model.labels,
        "assumed": _ASSUMED,
        "temperatures": [alone, adapted.get(_ASSUMED, alone)],
        "expectation": vars(expectation),
        "contrasts": make_contrasts(len(model.labels)).tolist(),
        "centre": places.centre.tolist(),
        "means": places.means.tolist(),
        "axes": axes.tolist(),
        "variances": variances.tolist(),
    }
