"""Run `serenade export`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from serenade._atomic import write_output
from serenade.cli import _options, _output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serenade.inference import Model


@click.command()
@click.argument("model")
@click.option(
    "--precision",
    type=click.Choice(("fp32", "fp16", "int8")),
    help="Precision of the weights. Default: int8; with --browser, that of MODEL.",
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=_options.Output(folder=True),
    help="Model folder to write, or folder of the page.",
)
@click.option(
    "--features-inside",
    is_flag=True,
    help="Write one graph from the signal to the probabilities, for programs without Serenade.",
)
@click.option(
    "--browser",
    is_flag=True,
    help="Write a web page that predicts in the browser, for any host of static files.",
)
@click.option(
    "--onnxruntime-web",
    "runtime",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Folder of onnxruntime-web, which --browser otherwise fetches by npm.",
)
@click.option(
    "--corpus",
    metavar="NAME",
    help="Corpus or manifest to compare the two models on. Default: generated vowel-like sounds.",
)
@_options.root
@_options.max_unusable
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Number of recordings for the comparison, drawn evenly.",
)
def command(
    model: str,
    precision: Any,
    out: Path,
    features_inside: bool,
    browser: bool,
    runtime: str | None,
    corpus: str | None,
    root: str | None,
    max_unusable: float,
    limit: int | None,
) -> None:
    r"""Write the model folder MODEL in another precision, and compare the two.

    MODEL is a folder that `serenade train` wrote, or `bundled`. The comparison is added to the
    model card, without UA if CORPUS is what MODEL was trained on. Neither model needs PyTorch.

    \b
    serenade export my-model --precision int8 --out my-small-model --corpus other.csv
    serenade predict call.wav --model my-small-model
    serenade export bundled --browser --out page
    python -m http.server --directory page
    """
    if browser:
        _options.refuse_given({"features_inside"}, "--browser writes graphs of its own")
    else:
        _options.refuse_without("--browser", "runtime")
    if corpus is None:
        _options.refuse_without("--corpus", "root", "max_unusable")
    from serenade.inference import (
        Model,
        compare_models,
        convert_precision,
        format_rows,
        measure_size,
    )
    from serenade.server import write_browser_folder

    before = Model.load(model)
    # Open the corpus first, so that a missing one is found before the work.
    recordings, emotions, words = _get_recordings(before, corpus, root, limit, max_unusable)
    if browser:
        written = write_browser_folder(model, out, precision=precision, runtime=runtime)
        precision = precision or "page"
    else:
        written, precision = out, precision or "int8"
        convert_precision(model, out, precision, features_inside=features_inside)
    name = str(before.description.get("precision", "before"))
    models = {name if name != precision else "before": before, precision: Model.load(written)}
    sizes = dict(zip(models, (measure_size(model), measure_size(written)), strict=True))
    shown = format_rows(compare_models(models, sizes, recordings, emotions))
    card = written / "MODEL_CARD.md"
    write_output(
        card,
        f"{card.read_text('utf-8').rstrip() if card.is_file() else ''}\n\n## Exported as "
        f"{precision}\n\nCompared with the original model on {words}:\n\n{shown}\n",
    )
    click.echo(shown)
    click.echo(f"{out}: {precision}, compared on {words}")


def _get_recordings(
    model: Model, corpus: str | None, root: str | None, limit: int | None, max_unusable: float
) -> tuple[Iterator[Any], list[str] | None, str]:
    """Return recordings at the model's rate, their emotions if known, and a description."""
    import numpy as np

    from serenade.audio import read
    from serenade.errors import SerenadeError
    from serenade.evaluation import audit_training
    from serenade.extraction import drop_unusable, list_clips

    if corpus is None:
        sounds = _make_sounds(model.sampling_rate)[:limit]
        return iter(sounds), None, f"{len(sounds)} generated sounds"
    opened = _options.open_corpus(corpus, root, None)
    rows = opened.table
    if "neutral" in model.labels and "calm" not in model.labels:
        rows = rows.assign(emotion=rows["emotion"].replace("calm", "neutral"))
    rows = rows[rows["emotion"].isin(model.labels)] if model.labels else rows
    if not len(rows):
        raise SerenadeError(f"{corpus}: has no recording of {', '.join(model.labels)}")
    if limit is not None and limit < len(rows):
        rows = rows.iloc[np.linspace(0, len(rows) - 1, limit).astype(int)]
    rows = drop_unusable(rows, max_unusable, None, _output.report_problem)
    signals_of = (
        read(part.file, sampling_rate=model.sampling_rate, start=part.start, end=part.end)
        for part in list_clips(rows.index)
    )
    name = opened.info.name
    words = f"{len(rows)} recordings of {name}"
    audit = audit_training(model.description, dataclasses.replace(opened, table=rows))
    if audit.heard:
        # A score on training data says nothing about other recordings.
        some = "" if audit.heard == len(rows) else f"{audit.heard} of "
        words += f", {some}which the model was trained on; UA on training data is not stated"
        return signals_of, None, words
    return signals_of, list(rows["emotion"]) if model.labels else None, f"{words}; {audit}"


def _make_sounds(sampling_rate: int) -> list[Any]:
    """Return 28 vowel-like sounds of 1.5 s: four pitches, seven spectral slopes."""
    import numpy as np

    from serenade.audio import from_array

    time = np.arange(round(1.5 * sampling_rate)) / sampling_rate
    rng = np.random.default_rng(0)
    sounds = []
    for pitch in (100, 150, 220, 300):
        for slope in np.linspace(0.5, 2.0, 7):
            # The pitch falls by a tenth, as in a statement.
            phase = 2 * np.pi * pitch * (time - time**2 / (20 * time[-1]))
            harmonics = range(1, int(0.4 * sampling_rate / pitch))
            wave = sum(np.sin(number * phase) / number**slope for number in harmonics)
            wave = wave / np.abs(wave).max() + 0.01 * rng.standard_normal(time.size)
            sound = (0.3 * wave).astype(np.float32)
            sounds.append(from_array(sound, sampling_rate, sampling_rate=sampling_rate))
    return sounds
