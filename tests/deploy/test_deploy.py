"""Files of `deploy/`: real tools accept them, and the server runs as they say.

The image is built and run where docker or podman has its base image: the one in the Dockerfile, or
the one that the variable SERENADE_BASE_IMAGE names. Without either, its entry point runs as the
same user on a read-only file system.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import httpx
import pytest

from serenade.cli import serve
from serenade.server import Settings

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
USER = "10001"


def read_instructions():
    """Return the words and arguments of the Dockerfile's last stage, and its base images."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text("utf-8"))
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]
    last = max(place for place, (word, _) in enumerate(lines) if word == "FROM")
    base = next(rest.partition("=")[2] for word, rest in lines if word == "ARG")
    return dict(lines[last:]), os.environ.get("SERENADE_BASE_IMAGE", base)


STAGE, BASE = read_instructions()
ENTRYPOINT = json.loads(STAGE["ENTRYPOINT"])
HEALTHCHECK = json.loads(STAGE["HEALTHCHECK"].partition("CMD")[2])


def run(*command, **settings):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **settings
    )


def find_tool(name):
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return shutil.which(name, path=folders) or pytest.skip(f"{name} is not installed")


def accepts(words):
    """Whether `serenade serve` takes the options."""
    with serve.command.make_context("serve", list(words)):
        return True


def find_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, is_alive):
    while True:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").status
        assert is_alive(), "the server did not start"
        time.sleep(0.1)


def predict(port, example):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=None) as client:
        answer = client.post("/v1/predict", files={"file": example.read_bytes()})
        assert answer.status_code == 200, answer.text
        return answer.json()["emotion"]


def test_hadolint_finds_nothing_in_the_dockerfile():
    found = run(find_tool("hadolint"), DEPLOY / "Dockerfile")
    assert found.returncode == 0, found.stdout + found.stderr


def test_image_runs_as_a_user_without_root_and_checks_its_health_without_curl():
    assert STAGE["USER"] == f"{USER}:{USER}"
    assert HEALTHCHECK[0] == "python"
    assert accepts(ENTRYPOINT[2:])


def test_compose_file_reads_existing_files_and_prometheus_reaches_the_server():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    server, prometheus = compose["services"]["serenade"], compose["services"]["prometheus"]
    assert (DEPLOY / server["build"]["context"] / server["build"]["dockerfile"]).is_file()
    assert server["read_only"]
    assert server["cap_drop"] == ["ALL"]
    assert accepts(server["command"])
    (config, _) = prometheus["volumes"]
    (job,) = yaml.safe_load((DEPLOY / config.split(":")[0]).read_text("utf-8"))["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert name in server["command"]
    assert f":{port}" in server["ports"][0]
    (secret,) = prometheus["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"


def get_uploads(command, cores):
    """Return the most bytes of all uploads of a server with these arguments."""
    options = dict(itertools.pairwise(command))
    running = int(options.get("--max-concurrency", cores))
    size = int(options["--max-size"]) * 2**20
    return Settings(max_size=size, concurrency=running).places * size


def test_uploads_fit_into_the_folder_for_temporary_files():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]["serenade"]
    assert compose["tmpfs"] == ["/tmp:size=4g,mode=1777"]
    assert get_uploads(compose["command"], cores=16) <= 4 * 2**30
    pod = next(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))["spec"]
    (container,) = pod["template"]["spec"]["containers"]
    (volume,) = pod["template"]["spec"]["volumes"]
    assert volume["emptyDir"]["sizeLimit"] == "10Gi"
    assert get_uploads(container["args"], cores=0) <= 10 * 2**30


def test_docker_compose_accepts_the_compose_file():
    docker = find_tool("docker")
    if run(docker, "compose", "version").returncode:
        pytest.skip("docker has no plug-in compose")
    key = os.environ | {"SERENADE_API_KEY": "key"}
    found = run(docker, "compose", "--file", DEPLOY / "compose.yaml", "config", "--quiet", env=key)
    assert found.returncode == 0, found.stderr


def test_promtool_accepts_the_configuration_of_prometheus(tmp_path):
    text = (DEPLOY / "prometheus.yml").read_text("utf-8")
    (tmp_path / "key").write_text("key")
    path = tmp_path / "prometheus.yml"
    path.write_text(text.replace("/run/secrets/api_key", str(tmp_path / "key")))
    found = run(find_tool("promtool"), "check", "config", path)
    assert found.returncode == 0, found.stderr


def test_kubernetes_objects_are_valid_and_restricted():
    kubernetes = pytest.importorskip("kubernetes_validate")
    objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))
    for one in objects:
        kubernetes.validate(one, "1.34", strict=True)
    deployment, service, scaler = objects
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert str(pod["securityContext"]["runAsUser"]) == USER
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert accepts(container["args"])
    assert container["ports"][0]["containerPort"] == int(STAGE["EXPOSE"])
    assert service["metadata"]["name"] in container["args"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


def test_systemd_accepts_the_unit(tmp_path):
    analyze = find_tool("systemd-analyze")
    text = (DEPLOY / "serenade.service").read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=(\S+) serve (.*)$", text, re.MULTILINE)
    assert accepts(command[1].split())
    assert "\nOOMPolicy=continue\n" in text
    unit = tmp_path / "serenade.service"
    unit.write_text(text.replace(command[0], sys.executable))
    found = run(analyze, "verify", unit)
    assert (found.returncode, found.stderr) == (0, "")


def test_entry_point_serves_as_a_user_without_root_on_a_read_only_file_system(example):
    unshare, setpriv = find_tool("unshare"), find_tool("setpriv")
    if os.geteuid() or run(unshare, "--mount", "true").returncode:
        pytest.skip("only root makes mounts that no other process sees")
    port, python = find_port(), sys.executable
    drop = f"{setpriv} --reuid {USER} --regid {USER} --clear-groups --no-new-privs"
    drop += " --inh-caps=-all --bounding-set=-all"
    if run(*drop.split(), python, "-c", "import serenade").returncode:
        pytest.skip("this environment's files are readable by root alone")
    serving = [*ENTRYPOINT[1:], "--port", str(port), "--max-concurrency", "1"]
    script = (
        "mount --make-rprivate / && mount --rbind / /mnt && mount -o remount,bind,ro /mnt && "
        "mount -t tmpfs tmpfs /mnt/tmp && chmod 1777 /mnt/tmp && cd /mnt && "
        f'exec chroot /mnt {drop} "$@"'
    )
    check = "import os,sys; assert not os.access(sys.argv[1], os.W_OK); os.getuid() or os.abort()"
    command = [unshare, "--mount", "sh", "-c", script, "sh"]
    done = run(*command, python, "-c", check, Path(__file__).parent)
    assert done.returncode == 0, done.stderr
    process = subprocess.Popen(
        [*command, python, "-m", "serenade", *serving],
        env=os.environ | {"HOME": "/tmp", "TMPDIR": "/tmp", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert wait_for(port, lambda: process.poll() is None) == 200
        assert predict(port, example)
    finally:
        process.terminate()
        _, errors = process.communicate()
    # uvicorn raises the signal again after its shutdown, which ends a process other than the first.
    assert process.returncode in {0, -signal.SIGTERM}, errors


def test_container_serves_and_stops_cleanly_as_a_user_without_root(example):
    engine = shutil.which("podman") or find_tool("docker")
    if run(engine, "image", "inspect", BASE).returncode:
        pytest.skip(f"the base image {BASE} is not on this machine: pull it first")
    arguments = ["--build-arg", f"BASE_IMAGE={BASE}", "--tag", "serenade-test", "--network", "host"]
    built = run(engine, "build", "--file", DEPLOY / "Dockerfile", *arguments, ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    port, name = find_port(), f"serenade-test-{os.getpid()}"
    limits = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "all", "--network", "host")
    started = run(
        engine, "run", "--detach", "--name", name, *limits, "serenade-test", "--port", port
    )
    try:
        assert started.returncode == 0, started.stderr
        state = (engine, "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name)
        assert wait_for(port, lambda: run(*state).stdout.startswith("running")) == 200
        assert predict(port, example)
        health = [word.replace(":8000/", f":{port}/") for word in HEALTHCHECK]
        assert run(engine, "exec", name, *health).returncode == 0
        assert run(engine, "exec", name, "id", "-u").stdout.strip() == USER
        assert "Read-only" in run(engine, "exec", name, "touch", "/opt/serenade/x").stderr
        assert run(engine, "stop", "--time", 60, name).returncode == 0
        assert run(*state).stdout.split() == ["exited", "0"]
    finally:
        run(engine, "rm", "--force", name)
