"""Progress of a training run: a bar on a terminal, and logs on request."""

from __future__ import annotations

import sys
from typing import Any

from skorch.callbacks import Callback

from serenade.errors import MissingExtraError, SerenadeError

SERVICES = ("tensorboard", "mlflow")
"""Services that a run can be logged to."""


class Bar(Callback):  # type: ignore[misc]
    """Progress bar over epochs with loss and validation UA, on a terminal only.

    Args:
        epochs: most epochs of the run.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self._bar: Any = None

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """Draw the bar, at the epoch that a resumed run has reached."""
        if sys.stderr.isatty():
            import click

            self._bar = click.progressbar(length=self.epochs, label="training", file=sys.stderr)
            self._bar.update(len(net.history))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """Move the bar and show the scores of the epoch."""
        if self._bar is not None:
            self._bar.label = format_epoch(net.history[-1])
            self._bar.update(1)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 - skorch's
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


def format_epoch(epoch: dict[str, Any]) -> str:
    """Describe an epoch in a few words.

    >>> format_epoch({"train_loss": 1.234, "valid_ua": 0.5})
    'loss 1.23, validation UA 0.500'
    >>> format_epoch({"train_loss": 1.234})
    'loss 1.23'
    """
    words = [f"loss {epoch['train_loss']:.2f}"] if "train_loss" in epoch else []
    words += [f"validation UA {epoch['valid_ua']:.3f}"] if "valid_ua" in epoch else []
    words += [f"validation CCC {epoch['valid_ccc']:.3f}"] if "valid_ccc" in epoch else []
    return ", ".join(words)


def make_logger(tracking: str | None, run: str) -> Callback | None:
    """Make the callback of skorch that logs a run's epochs.

    Args:
        tracking: `tensorboard=FOLDER`, `mlflow`, `mlflow=URI`, or None for no log.
        run: name of the run; a folder of this name for TensorBoard.

    Raises:
        MissingExtraError: the service's library is not installed.
        SerenadeError: no service of this name, or no folder for TensorBoard.
    """
    if tracking is None:
        return None
    service, _, place = tracking.partition("=")
    if service not in SERVICES or (service == "tensorboard" and not place):
        raise SerenadeError(f"{tracking}: unknown log; write tensorboard=FOLDER or mlflow[=URI]")
    try:
        return (
            _make_tensorboard(place, run) if service == "tensorboard" else _make_mlflow(place, run)
        )
    except ImportError:
        raise MissingExtraError(f"logging to {service}", "tracking") from None


def _make_tensorboard(folder: str, run: str) -> Callback:
    from skorch.callbacks import TensorBoard
    from torch.utils.tensorboard import SummaryWriter

    return TensorBoard(SummaryWriter(f"{folder}/{run}"))


def _make_mlflow(place: str, run: str) -> Callback:
    import mlflow  # type: ignore[import-not-found,unused-ignore]
    from skorch.callbacks import MlflowLogger

    try:
        client = mlflow.tracking.MlflowClient(place or None)
        found = client.get_experiment_by_name("serenade")
        experiment = found.experiment_id if found else client.create_experiment("serenade")
        return MlflowLogger(client.create_run(experiment, run_name=run), client)
    except mlflow.exceptions.MlflowException as error:
        raise SerenadeError(f"mlflow={place}: {error}") from None
