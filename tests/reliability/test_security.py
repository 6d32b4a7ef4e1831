"""Nothing in a user's file is executed, and nothing is fetched that others could have changed."""

import ast
import os
import pickle
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.model_folders import write_probe

import serenade
from serenade._addresses import is_safe_url
from serenade.errors import CorpusError, ModelError, SerenadeError
from serenade.inference._model_folder import BUNDLED

SOURCE = Path(serenade.__file__).parent
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "yaml.load", "joblib.load", "pickle.load", "pickle.loads"),
    *("pandas.read_pickle", "pd.read_pickle", "shelve.open", "marshal.loads", "dill.load"),
}


def name_of(node):
    """Return the name `a.b.c` of a call's function; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def dangers(text):
    """Return calls and imports that could execute the contents of a file."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = names if isinstance(node, ast.Import) else [node.module or ""]
            found += [
                m for m in modules if m.split(".")[0] in {"pickle", "dill", "shelve", "marshal"}
            ]
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        if name in FORBIDDEN:
            found.append(name)
        if name == "torch.load" and given.get("weights_only") is not True:
            found.append("torch.load without weights_only")
        if name in {"np.load", "numpy.load"} and given.get("allow_pickle", False) is not False:
            found.append("np.load with pickle")
        if given.get("shell") or given.get("trust_remote_code"):
            found.append(f"{name} with shell or remote code")
        if given.get("verify", True) is False:
            found.append(f"{name} without certificates")
    return found


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f, allow_pickle=True)",
        "eval('1')",
        "yaml.load(f)",
        "subprocess.run('ls', shell=True)",
        "requests.get(a, verify=False)",
    ],
)
def test_the_search_finds_what_it_is_for(text):
    assert dangers(text)


def test_the_source_has_no_way_to_execute_a_file():
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    found = {str(file.relative_to(SOURCE)): dangers(file.read_text("utf-8")) for file in files}
    # A user's module is compiled to compare it with its functions in memory, and not executed.
    assert {file: names for file, names in found.items() if names} == {
        "_source_code.py": ["compile"]
    }


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """Write a pickle that makes a folder here when it is run."""
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Evil())
    pickle.loads(data)  # it works
    (tmp_path / "executed").rmdir()
    return data


def test_a_pickle_in_a_model_folder_is_refused_unexecuted(evil, tmp_path, example):
    for name in ("model.json", "head.onnx", "speakers.npz", "enrolled.onnx"):
        folder = tmp_path / name.replace(".", "-")
        write_probe(folder)
        (folder / name).write_bytes(evil)
        with pytest.raises(ModelError, match=r"copy the model|cannot run it"):
            serenade.load(folder).enrol(example)
    assert not (tmp_path / "executed").exists()


def test_an_array_of_objects_is_refused_unexecuted(evil, tmp_path):
    from serenade.extraction import Cache
    from serenade.inference._model_folder import read_folder

    np.save(tmp_path / "x.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    cache = Cache(tmp_path / "cache")
    cache.put("aabb", np.ones((1, 1), np.float32))
    (entry,) = (tmp_path / "cache").rglob("*.npy")
    entry.write_bytes((tmp_path / "x.npy").read_bytes())
    assert cache.get("aabb") is None

    write_probe(tmp_path / "model")
    with np.load(tmp_path / "model" / "speakers.npz") as file:
        arrays = dict(file)
    arrays["mean"] = np.array([Evil()], dtype=object)
    np.savez(tmp_path / "model" / "speakers.npz", **arrays)
    with pytest.raises(ModelError, match="damaged"):
        read_folder(tmp_path / "model").population()
    assert not (tmp_path / "executed").exists()
    assert len(evil) > 10


@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".pth"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_as_a_checkpoint_is_refused_unexecuted(evil, tmp_path, suffix, zipped):
    torch = pytest.importorskip("torch")
    from serenade.encoders.selfsupervised import _official

    path = tmp_path / f"weights{suffix}"
    if zipped:
        torch.save({"Transformer": Evil(), "Config": {}}, path)
    else:
        path.write_bytes(evil)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        _official.load_official(path)
    with pytest.raises(SerenadeError):
        serenade.load(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://zenodo.org/a.zip", True),
        ("http://localhost:1/a.zip", True),
        ("http://127.0.0.1/a.zip", True),
        ("http://[::1]:80/a.zip", True),
        ("http://zenodo.org/a.zip", False),
        ("http://127.0.0.1.evil.org/a", False),
        ("http://127.0.0.1@evil.org/a", False),
        ("ftp://zenodo.org/a.zip", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_https_and_this_machine_are_safe(url, safe):
    assert is_safe_url(url) is safe


def test_unsafe_addresses_are_refused_before_anything_is_sent(tmp_path, monkeypatch):
    pytest.importorskip("requests")
    from serenade import _hub
    from serenade.corpora import _download, describe, names
    from serenade.encoders import _text as text
    from serenade.inference import push_model

    with pytest.raises(CorpusError, match="not an https address"):
        _download.download_archive(
            "http://example.org/a.zip", "md5:" + "0" * 32, tmp_path / "corpus"
        )
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://example.org")
    with pytest.raises(ModelError, match="not an https address"):
        _hub.download_model("openai/whisper-tiny")
    with pytest.raises(ModelError, match=r"HF_ENDPOINT=http://example\.org: not an https address"):
        text.locate_text_encoder("somebody/encoder")
    with pytest.raises(ModelError, match="not an https address"):
        push_model(BUNDLED, "somebody/model")
    archives = [describe(name).archive for name in names()]
    for archive in filter(None, archives):
        assert is_safe_url(archive.url)
        assert archive.checksum.startswith(("md5:", "sha256:"))


@pytest.mark.parametrize("kind", ["compression", "password", "data"])
def test_a_zip_that_cannot_be_unpacked_is_named(tmp_path, kind):
    from serenade.corpora import _download

    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("name", "content " * 1000)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    if kind == "compression":
        data[8] = data[central + 10] = 77
    elif kind == "password":
        data[6] |= 1
        data[central + 8] |= 1
    else:
        data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="a damaged zip file"):
        _download.unpack_archive(path, tmp_path / "folder")


def test_dependencies_are_pinned_and_new_enough_to_be_safe():
    """What `make audit` asks PyPI about needs a network; this does not."""
    root = Path(__file__).parents[2]
    pins = (root / "constraints" / "constraints.txt").read_text("utf-8").splitlines()
    assert [line for line in pins if line and line[0] != "#" and "==" not in line] == []
    # Below 2.6, PyTorch's weights_only could be got round (CVE-2025-32434).
    stated = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    bounds = [part for parts in stated["optional-dependencies"].values() for part in parts]
    torch = {bound for bound in bounds if bound.partition(">")[0] == "torch"}
    assert torch == {"torch>=2.6"}
