"""Run `serenade transcribe`."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serenade.cli import _options, _output
from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from serenade.extraction import Clip
    from serenade.transcription import Recogniser, Transcript


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="CORPUS|FILE|FOLDER...")
@click.option(
    "--out",
    metavar="CSV",
    required=True,
    type=_options.Output(),
    help="Manifest to write.",
)
@click.option(
    "--words",
    metavar="CSV",
    type=_options.Output(),
    help="Also write a table of the words: file, word, start, end, probability.",
)
@_options.root
@_options.labels
@click.option(
    "--model",
    default="tiny.en",
    show_default=True,
    help="Size of Whisper, name on the hub, or folder of a model converted for CTranslate2.",
)
@click.option(
    "--language",
    default="en",
    show_default=True,
    help="Language (en, pl, …), or auto. Languages other than en need a model without .en.",
)
@click.option("--device", default="cpu", show_default=True, help="Device for Whisper: cpu or cuda.")
@click.option(
    "--align",
    is_flag=True,
    help="Keep the English text of the corpus and find the times of its words (PocketSphinx).",
)
def command(
    sources: Sequence[str],
    out: Path,
    words: Path | None,
    root: str | None,
    labels: str | None,
    model: str,
    language: str,
    device: str,
    align: bool,
) -> None:
    r"""Transcribe recordings into the column text of a manifest.

    The table of a corpus is kept; its own text moves to the column reference_text, and the word
    error rate is printed. For files and folders, the column emotion stays empty: fill it in to use
    the manifest with `serenade evaluate`. For each recording that cannot be used, one line is
    printed on standard error. If the command is interrupted, run it again to resume. Needs the
    extra "asr".

    \b
    serenade transcribe ravdess --root CORPORA --out ravdess.csv --words words.csv
    serenade transcribe recordings/ --model base --language pl --out recordings.csv
    serenade transcribe ravdess --root CORPORA --align --out ravdess.csv --words words.csv
    """
    if align:
        _options.refuse_given({"model", "language", "device"}, "--align uses no Whisper")
    from serenade.corpora import to_absolute, write_table
    from serenade.extraction import list_clips
    from serenade.transcription import transcribe

    table = _open_table(sources, root, labels)
    reference = list(table["text"]) if "text" in table else None
    if align and reference is None:
        raise click.UsageError("--align needs recordings with a text: a corpus or a manifest")
    texts = reference if align else None
    recognise, settings = _make_recogniser(model, language, device, texts)
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = out.with_name(f"{out.name}.journal")
    clips = list_clips(table.index)
    results = transcribe(clips, recognise, settings=settings, texts=texts, journal=journal)
    found = _report_errors(clips, results)
    kept = [transcript for transcript in found if transcript is not None]
    if not kept:
        journal.unlink(missing_ok=True)
        sys.exit(1)
    table = table[[transcript is not None for transcript in found]]
    if not align:
        table = _replace_texts(table, [transcript.text for transcript in kept])
    write_table(table, to_absolute(out).parent, out)
    if words:
        _write_words(words, table, kept)
    journal.unlink(missing_ok=True)
    count = sum(len(transcript.words) for transcript in kept)
    click.echo(
        f"{out}: {count} words in {len(kept)} of {len(found)} recordings{_format_error_rate(table)}"
    )


def _report_errors(
    clips: Sequence[Clip], results: Iterable[Transcript | AudioError]
) -> list[Transcript | None]:
    """Print errors and remarks as they arrive; return the transcripts, None for an error."""
    from serenade._progress import show_progress

    found: list[Transcript | None] = []
    shown = show_progress(results, len(clips), "transcribing")
    for clip, result in zip(clips, shown, strict=True):
        if isinstance(result, AudioError):
            lines = [str(result)]
        else:
            lines = [f"{clip.file}: {remark}" for remark in result.remarks]
        for line in lines:
            _output.report_problem(line)
        found.append(None if isinstance(result, AudioError) else result)
    return found


def _replace_texts(table: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """Put transcripts into the column text; a text of the corpus moves to reference_text."""
    import pandas as pd

    if "text" in table:
        table = table.assign(reference_text=table["text"])
    return table.assign(text=pd.Series([text or None for text in texts], table.index, dtype=object))


def _write_words(path: Path, table: pd.DataFrame, transcripts: Sequence[Transcript]) -> None:
    from serenade.corpora import write_words

    files = table.index.get_level_values("file")
    write_words(
        path,
        (
            (file, *dataclasses.astuple(word))
            for file, transcript in zip(files, transcripts, strict=True)
            for word in transcript.words
        ),
    )


def _open_table(sources: Sequence[str], root: str | None, labels: str | None) -> pd.DataFrame:
    """Return the recordings as the table of a corpus."""
    from serenade import corpora
    from serenade.cli import _options
    from serenade.corpora import build_table, to_absolute
    from serenade.inference import find_recordings

    first = sources[0]
    if len(sources) == 1 and (
        first in corpora.names() or Path(first).suffix.lower() in {".csv", ".tsv", ".py"}
    ):
        corpus = _options.open_corpus(first, root, labels)
        warned = {"warning": corpus.info.warning} if corpus.info.warning else {}
        return corpus.table.assign(**warned)
    if root or labels:
        raise click.UsageError("--root and --labels need one corpus, not files or folders")
    files = find_recordings(sources)
    if not files:
        _output.report_problem(f"no recordings in {', '.join(sources)}")
    return build_table([{"file": str(to_absolute(file))} for file in files])


def _make_recogniser(
    model: str, language: str, device: str, texts: Sequence[object] | None
) -> tuple[Recogniser, dict[str, object]]:
    """Return a function that transcribes a recording, and the settings of its results."""
    if texts is not None:
        from serenade.transcription import align

        said = hashlib.blake2b(repr(texts).encode(), digest_size=16).hexdigest()
        return lambda signal, rate, number: align(signal, rate, texts[number]), {"align": said}
    from serenade.transcription import Transcriber

    transcriber = Transcriber(model, None if language == "auto" else language, device=device)
    settings: dict[str, object] = dataclasses.asdict(transcriber)
    return lambda signal, rate, _: transcriber(signal, rate), settings


def _format_error_rate(table: pd.DataFrame) -> str:
    """Format the word error rate against the corpus' own text; empty without such a text."""
    from serenade.transcription import count_word_errors, tokenise

    if "reference_text" not in table:
        return ""
    pairs = [
        (tokenise(own), tokenise(heard))
        for own, heard in zip(table["reference_text"], table["text"], strict=True)
        if tokenise(own)
    ]
    total = sum(len(own) for own, _ in pairs)
    if not total:
        return ""
    wrong = sum(count_word_errors(own, heard) for own, heard in pairs)
    return f"; word error rate {wrong / total:.1%} against the corpus' own text"
