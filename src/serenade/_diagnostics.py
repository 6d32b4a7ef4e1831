"""Report the installed packages and whether Serenade works, for bug reports."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import serenade
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOT_FOR_USERS = ("bench", "dev", "docs")  # extras for developers of this package
_SETTINGS = ("SERENADE_CACHE", "SERENADE_CACHE_GB", "SERENADE_DEVICE", "OMP_NUM_THREADS")
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;(.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w.-]+)['"]""")


def collect_diagnostics() -> dict[str, Any]:
    """Collect the state of the installation as JSON data.

    Returns:
        `serenade`, `python`, `platform`, `packages`, `extras`, `models`, `cache`, `machine`,
        `gpu`, `sound`, `settings`, and `broken`, a list of problems in words.
    """
    broken: list[str] = []
    packages, extras = _list_packages(broken)
    return {
        "serenade": serenade.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": packages,
        "extras": extras,
        "models": _check_models(broken),
        "cache": _check_cache(broken),
        "machine": _describe_machine(),
        "gpu": _describe_gpu(),
        "sound": _check_sound(broken),
        "settings": {
            name: _hide_home(os.environ[name]) for name in _SETTINGS if name in os.environ
        },
        "broken": broken,
    }


def format_diagnostics(found: Mapping[str, Any]) -> Iterator[str]:
    """Format diagnostics as lines of text.

    Args:
        found: result of `collect_diagnostics`.
    """
    yield f"serenade {found['serenade']}, {found['python']}, {found['platform']}"
    yield "packages: " + ", ".join(f"{n} {v or 'missing'}" for n, v in found["packages"].items())
    for name, lacking in found["extras"].items():
        yield f"extra {name}: {'complete' if not lacking else 'lacks ' + ', '.join(lacking)}"
    for name, state in found["models"].items():
        yield f"{name}: {state}"
    cache = found["cache"]
    yield f"cache: {cache['folder']}, {cache['state']}" + (
        f", {cache['entries']} entries, {cache['megabytes']} MB of {cache['limit_megabytes']}, "
        f"{cache['free_megabytes']} MB free on disk"
        if "entries" in cache
        else ""
    )
    machine = found["machine"]
    yield (
        f"machine: {machine['cores']} of {machine['all_cores']} cores, {machine['threads']} "
        f"threads per computation, {machine['memory_megabytes']} MB of memory"
    )
    yield f"gpu: {found['gpu']}"
    yield f"sound: {found['sound']['library']}; {', '.join(found['sound']['formats'])}"
    for name, value in found["settings"].items():
        yield f"{name}={value}"
    for problem in found["broken"]:
        yield f"BROKEN {problem}"
    if not found["broken"]:
        yield "nothing is broken"


def _list_packages(broken: list[str]) -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """Return the versions of required packages, and the packages that each extra lacks."""
    try:
        requirements = importlib.metadata.requires("serenade") or []
    except importlib.metadata.PackageNotFoundError:
        broken.append("serenade is on the path but not installed; install it with pip")
        return {}, {}
    versions: dict[str, str | None] = {}
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        parsed = _REQUIREMENT.fullmatch(requirement)
        if parsed is None:
            continue
        name, bound, marker = parsed.groups()
        extra = _EXTRA.search(marker or "")
        if (extra and extra[1] in _NOT_FOR_USERS) or name == "serenade":
            continue
        version = versions[name] = _get_version(name)
        fits = version is not None and _is_new_enough(version, bound)
        if extra is not None:
            lacking = extras.setdefault(extra[1], [])
            if not fits:
                lacking.append(name + bound)
        elif not fits:
            broken.append(f"{name} {version or 'is missing'}; install {name}{bound}")
    return versions, extras


def _get_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_new_enough(version: str, bound: str) -> bool:
    """Compare a version with a lower bound such as `>=1.2`; ignore other bounds."""
    least = re.search(r">=\s*([\d.]+)", bound)

    def parts(text: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", text)]

    return least is None or parts(version) >= parts(least[1])


def _check_models(broken: list[str]) -> dict[str, str]:
    """Check that the files of the package are complete and run."""
    import numpy as np

    found = {}
    try:
        model = serenade.load()
        clip = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
        sums = model.probabilities(0.1 * clip).sum()
        found["bundled model"] = f"predicts, {len(model.labels)} emotions"
        if abs(sums - 1) > 1e-3:
            raise SerenadeError(f"probabilities add up to {sums}")
        from serenade.voice_activity import VoiceActivity

        VoiceActivity().push(clip)
        found["speech detector"] = "runs"
    except (SerenadeError, ImportError, OSError) as error:
        broken.append(_hide_home(f"the bundled model: {error}"))
        found["bundled model"] = "broken"
    shipped = Path(serenade.__file__).parent / "encoders" / "pretrained"
    names = sorted(path.parent.name for path in shipped.glob("*/model.safetensors"))
    found["speech encoders"] = ", ".join(["whisper-base", *names])
    return found


def _check_cache(broken: list[str]) -> dict[str, Any]:
    """Return the folder and the size of the cache, and check that it is writable."""
    from serenade.extraction import Cache, get_size_limit

    try:
        cache, limit = Cache(), get_size_limit()
    except SerenadeError as error:
        # Without the extra "train" the package keeps no cache, and prediction needs none.
        if isinstance(error, ImportError):
            return {"folder": "none", "state": 'needs the extra "train" or SERENADE_CACHE'}
        broken.append(str(error))
        return {"folder": "none", "state": "broken"}
    place = cache.folder
    while not place.exists():
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(b"x")
        state = "writable"
    except OSError as error:
        state = f"not writable ({error.strerror})"
        broken.append(f"the cache {state}; set SERENADE_CACHE to a folder that is")
    entries, size = cache.usage()
    return {
        "folder": _hide_home(str(cache.folder)),
        "state": state,
        "entries": entries,
        "megabytes": round(size / 1e6),
        "limit_megabytes": round(limit / 1e6),
        "free_megabytes": round(shutil.disk_usage(place).free / 1e6),
    }


def _describe_machine() -> dict[str, int]:
    from serenade.runtime import count_cores, get_thread_count

    names = getattr(os, "sysconf_names", {})
    known = {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(names)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else 0
    return {
        "cores": count_cores(),
        "all_cores": os.cpu_count() or 1,
        "threads": get_thread_count(),
        "memory_megabytes": round(memory / 1e6),
    }


def _describe_gpu() -> str:
    """Ask PyTorch for GPUs in a child process, because prediction must not import PyTorch."""
    import subprocess
    import sys

    if importlib.util.find_spec("torch") is None:
        return "unknown (PyTorch is not installed)"
    script = (
        "import torch; n = torch.cuda.device_count() if torch.cuda.is_available() else 0; "
        "print(torch.version.cuda, *(torch.cuda.get_device_name(i) for i in range(n)), sep='\\n')"
    )
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, a constant script
            # -P: nothing is imported from the current folder
            [sys.executable, "-P", "-c", script],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "PyTorch does not import"
    built, *names = done.stdout.splitlines()
    if not names:
        return "none available to PyTorch" + ("" if built == "None" else f" (built for {built})")
    return f"{', '.join(names)} (CUDA {built})"


def _check_sound(broken: list[str]) -> dict[str, Any]:
    """Return the version of the sound library and its formats; report missing ones."""
    try:
        import soundfile

        formats = set(soundfile.available_formats())
        library = f"libsndfile {soundfile.__libsndfile_version__}"
    except (ImportError, OSError) as error:
        broken.append(f"soundfile: {error}")
        return {"library": "missing", "formats": []}
    wanted = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "RF64", "W64")
    if lacking := [name for name in wanted[:3] if name not in formats]:
        broken.append(f"{library} cannot read {', '.join(lacking)}; update soundfile")
    return {"library": library, "formats": [name for name in wanted if name in formats]}


def _hide_home(text: str) -> str:
    """Replace the user's home folder in a text."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
