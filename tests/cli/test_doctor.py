"""`serenade doctor`: what a bug report begins with."""

import json
import os
from pathlib import Path

import serenade


def test_a_whole_installation_has_nothing_broken(run):
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["serenade"] == serenade.__version__
    assert found["models"]["bundled model"].startswith("predicts, 7 emotions")
    assert found["models"]["speech detector"] == "runs"
    assert {"numpy", "onnxruntime", "soundfile"} <= set(found["packages"])
    assert {"train", "opensmile"} <= set(found["extras"])
    assert {"WAV", "FLAC", "OGG"} <= set(found["sound"]["formats"])
    assert found["cache"]["state"] == "writable"
    assert found["machine"]["all_cores"] == os.cpu_count()


def test_the_text_says_the_same(run):
    done = run("doctor")
    assert done.returncode == 0
    for start in ("serenade ", "packages: ", "bundled model: predicts", "cache: ", "gpu: "):
        assert any(line.startswith(start) for line in done.stdout.splitlines()), start
    assert done.stdout.endswith("nothing is broken\n")


def test_what_is_broken_is_told_and_is_status_1(run, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for environment, words in (
        ({"SERENADE_CACHE_GB": "much"}, "SERENADE_CACHE_GB=much"),
        ({"SERENADE_CACHE": str(tmp_path / "file" / "cache")}, "the cache not writable"),
    ):
        done = run("doctor", **environment)
        assert done.returncode == 1
        assert f"BROKEN {words}" in done.stdout
        assert "Traceback" not in done.stderr


def test_no_home_and_no_secret_is_told(run):
    home = Path.home()
    done = run(
        "doctor", SERENADE_CACHE=str(home / "somewhere" / "cache"), HF_TOKEN="hf_very_secret"
    )
    assert "~/somewhere/cache" in done.stdout
    assert str(home) not in done.stdout or str(home) == "/"
    assert "hf_very_secret" not in done.stdout + done.stderr
