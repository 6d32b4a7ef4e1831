"""Work on all cores, or on the machines of a Dask cluster, by joblib: no scheduler of our own.

A task is sent with all it needs, so that another machine can do it when the first one dies; what
a task does is decided by its arguments alone, so that results do not depend on who did it.
"""

from __future__ import annotations

import contextlib
import functools
import platform
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from serenade.errors import MissingExtraError, SerenadeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_PATIENCE = 30  # seconds to wait for the scheduler, and then for a first worker
_client: Any = None  # of this process; workers have none, so that their tasks do not spread again


def active() -> bool:
    """Whether work goes to a cluster."""
    return _client is not None


@contextlib.contextmanager
def on_dask(address: str | None) -> Iterator[None]:
    """Send work to a Dask cluster while the context lasts.

    Args:
        address: of the scheduler, such as `tcp://head:8786`; None leaves all as it is.

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
    # Tasks carry what they need, training tables and features among it: see this module's head.
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
            _check(client, address)
            before, _client = _client, client
            try:
                yield
            finally:
                _client = before


def spread(
    function: Callable[..., T], *arguments: Iterable[Any], jobs: int | None = None
) -> Iterator[T]:
    """Call a function with each set of arguments; results in order, as they come.

    Args:
        function: of a module that workers can import, or a closure.
        arguments: iterables, as of `map`.
        jobs: processes where there is no cluster; None for one per core.

    Raises:
        SerenadeError: the cluster was lost.
        MissingExtraError: joblib is not installed.
    """
    if jobs == 1 and not active():
        yield from map(function, *arguments)
        return
    try:
        import joblib
    except ImportError:
        raise MissingExtraError("work on several cores (jobs other than 1)", "train") from None
    # Bound, not passed: joblib would leave arguments of over 1 kB on one machine, and a task
    # whose argument died with that machine cannot be done by another.
    calls = (
        joblib.delayed(functools.partial(_alone, function, *given))()
        for given in zip(*arguments, strict=True)
    )
    if not active():
        yield from joblib.Parallel(n_jobs=jobs or -1, return_as="generator")(calls)
        return
    from distributed import CancelledError, KilledWorker
    from joblib._dask import DaskDistributedBackend

    backend = DaskDistributedBackend(client=_client)
    try:
        yield from joblib.Parallel(n_jobs=-1, return_as="generator", backend=backend)(calls)
    except SerenadeError:
        raise
    except ImportError as error:
        raise SerenadeError(
            f"a worker of the Dask cluster lacks something ({error}); install the same there, and "
            "set PYTHONPATH there to the folder of a system of your own"
        ) from None
    except (KilledWorker, CancelledError, OSError) as error:
        raise SerenadeError(
            f"the Dask cluster was lost ({type(error).__name__}: {error}); repeat the command: "
            "what was kept is not computed again"
        ) from None


def _alone(function: Callable[..., T], *given: Any) -> T:
    """Call a function that shall not spread its own work further."""
    import joblib

    with joblib.parallel_config(backend="sequential"):
        return function(*given)


def _check(client: Any, address: str) -> None:
    """Refuse a cluster without workers, or with workers that could compute something else."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise SerenadeError(
            f"--dask {address}: no workers; start some with `dask worker {address}`"
        ) from None
    here = versions()
    try:
        there = client.run(versions)
    except ImportError as error:
        raise SerenadeError(
            f"--dask {address}: a worker lacks something ({error}); install the same there as here"
        ) from None
    for worker, found in there.items():
        if found != here:
            raise SerenadeError(
                f"--dask {address}: worker {worker} has {found}, here is {here}; install the same"
            )


def versions() -> dict[str, str]:
    """What must be the same everywhere: Python but for its patch, NumPy and this package."""
    import numpy as np

    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "python": python,
        "numpy": np.__version__,
        "serenade": sys.modules["serenade"].__version__,
    }
