"""Run tasks on all cores with joblib, or on the machines of a Dask cluster.

A task is sent with everything it needs, so that another machine can run it if the first one fails.
Its result depends on its arguments only, and not on the machine.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import functools
import os
import platform
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from serenade.errors import MissingExtraError, SerenadeError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_AHEAD = 4  # tasks for each core of a cluster that are under way
_PATIENCE = 30  # seconds to wait for the scheduler, and then for a first worker
_GLANCE = 1.0  # seconds between two looks of a worker at its parent
_SAFE_PATH = "PYTHONSAFEPATH"
_client: Any = None  # of this process; workers have none, so that their tasks do not spread again


def has_cluster() -> bool:
    """Return whether tasks run on a cluster."""
    return _client is not None


@contextlib.contextmanager
def use_dask(address: str | None) -> Iterator[None]:
    """Run tasks on a Dask cluster within the block.

    Args:
        address: of the scheduler, such as `tcp://head:8786`; None keeps the current setting.

    Raises:
        SerenadeError: no scheduler answers there, it has no workers, or a worker has another
            version of Python, NumPy or this package, which could give other results.
        MissingExtraError: Dask is not installed.
    """
    global _client  # noqa: PLW0603 - one cluster for the whole process, threads included
    if address is None:
        yield
        return
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise MissingExtraError("work on a Dask cluster", "cluster") from None
    # Tasks carry their data, such as training tables and features.
    quiet = {"distributed.admin.large-graph-warning-threshold": "1GB"}
    with dask.config.set(quiet):
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise SerenadeError(
                f"--dask {address}: no scheduler answers there ({error or 'in time'}); start one "
                "with `dask scheduler` and give the address it prints"
            ) from None
        with client:
            _check_cluster(client, address)
            before, _client = _client, client
            try:
                yield
            finally:
                _client = before


def run_parallel(
    function: Callable[..., T], *arguments: Iterable[Any], jobs: int | None = None
) -> Iterator[T]:
    """Call a function with each set of arguments, in parallel; give the results in order.

    Args:
        function: of a module that workers can import, or a closure.
        arguments: iterables, as in `map`.
        jobs: number of processes without a cluster; None for one per core.

    Raises:
        SerenadeError: the cluster was lost.
        MissingExtraError: joblib is not installed.
    """
    if jobs == 1 and not has_cluster():
        yield from map(function, *arguments)
        return
    if has_cluster():
        yield from _run_on_cluster(function, zip(*arguments, strict=True))
        return
    try:
        import joblib
    except ImportError:
        raise MissingExtraError("work on several cores (jobs other than 1)", "train") from None
    call = joblib.delayed(_run_in_child)
    calls = (call(os.getpid(), function, given) for given in zip(*arguments, strict=True))
    with use_safe_path():
        yield from joblib.Parallel(n_jobs=jobs or -1, return_as="generator")(calls)


@contextlib.contextmanager
def use_safe_path() -> Iterator[None]:
    """Keep the current folder off the path of Python processes that the block starts.

    Such processes are `python -m ...` or `python -c ...`. They would import a `random.py` of the
    current folder, which may hold a corpus of others, instead of Python's own.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _run_in_child(parent: int, function: Callable[..., T], given: tuple[Any, ...]) -> T:
    """Run one task; a process that does so ends when its parent is killed.

    Args:
        parent: process that sent the task.
        function: function of the task.
        given: its arguments.
    """
    if os.getppid() == parent:
        _follow(parent)
    return function(*given)


@functools.cache
def _follow(parent: int) -> None:
    """Start a thread that ends this process when its parent has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_GLANCE)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run_on_cluster(function: Callable[..., T], calls: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """Run the calls with the client of Dask.

    The Dask backend of joblib 1.6 never returns if no worker can load a task or too many workers
    failed, and it keeps arguments of over 1 kB on one machine, which can fail.
    """
    from distributed import CancelledError, KilledWorker
    from distributed.protocol.pickle import dumps

    room = _AHEAD * max(1, sum(_client.ncores().values()))
    waiting: collections.deque[Any] = collections.deque()
    try:
        for given in calls:
            # As bytes: if they cannot be loaded, the task fails and not the worker.
            waiting.append(_client.submit(_run_task, dumps((function, given)), pure=False))
            if len(waiting) >= room:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except SerenadeError:
        raise
    except ImportError as error:
        raise SerenadeError(
            f"a worker of the Dask cluster lacks something ({error}); install the same there, and "
            "set PYTHONPATH there to the folder of a system of your own"
        ) from None
    except (KilledWorker, CancelledError, concurrent.futures.CancelledError, OSError) as error:
        reason = first_line(error)
        raise SerenadeError(
            f"the Dask cluster was lost ({type(error).__name__}: {reason}); repeat the command: "
            "stored results are not computed again"
        ) from None
    finally:
        for future in waiting:
            future.cancel()


def _run_task(call: bytes) -> Any:
    """Run one task on a worker, with nested parallelism disabled.

    Args:
        call: pickled function and arguments, from the client, which workers trust.
    """
    import joblib
    from distributed.protocol.pickle import loads

    function, given = loads(call)
    with joblib.parallel_config(backend="sequential"):
        return function(*given)


def _check_cluster(client: Any, address: str) -> None:
    """Raise an error for a cluster without workers, or with workers of other versions."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise SerenadeError(
            f"--dask {address}: no workers; start some with `dask worker {address}`"
        ) from None
    here = list_versions()
    try:
        there = {**client.run(list_versions), "scheduler": client.run_on_scheduler(list_versions)}
    except ImportError as error:
        raise SerenadeError(
            f"--dask {address}: a machine lacks something ({error}); install the same there as here"
        ) from None
    for place, found in there.items():
        if found != here:
            raise SerenadeError(
                f"--dask {address}: {place} has {found}, here is {here}; install the same"
            )


def list_versions() -> dict[str, str]:
    """Return the versions that all machines must share: Python (minor), NumPy, this package."""
    import numpy as np

    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "python": python,
        "numpy": np.__version__,
        "serenade": sys.modules["serenade"].__version__,
    }
