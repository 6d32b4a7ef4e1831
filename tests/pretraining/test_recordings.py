from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch

from serenade import audio
from serenade.errors import ModelError
from serenade.pretraining import gather_recordings
from serenade.pretraining._recordings import Batch, Crops, Recordings

if TYPE_CHECKING:
    from serenade.encoders import EncoderSettings, PretrainingSettings


@pytest.fixture
def material(files: list[str], training: PretrainingSettings) -> Recordings:
    return gather_recordings(files, [str(Path(files[0]).parents[1])], training, pytest.fail)


def equal(one: Batch, other: Batch) -> bool:
    names = ("values", "altered", "chosen", "mask")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_files_are_divided(
    material: Recordings, files: list[str], training: PretrainingSettings
) -> None:
    trained = {stretch.file for stretch in material.stretches}
    held_out = {stretch.file for stretch in material.held_out}
    assert trained | held_out == set(files)
    assert not trained & held_out
    assert len(held_out) == round(0.2 * len(files))
    assert material.files == len(files) == 12
    seconds = sum(soundfile.info(file).duration for file in trained)
    assert material.hours * 3600 == pytest.approx(seconds)
    again = gather_recordings(files[::-1], list(material.folders), training, pytest.fail)
    assert again == material  # whatever order the files are found in
    other = gather_recordings(files, [], dataclasses.replace(training, seed=4), pytest.fail)
    assert other.held_out != material.held_out


def test_a_batch_is_made_of_what_the_front_end_gives(
    material: Recordings, tiny_tera: EncoderSettings, training: PretrainingSettings
) -> None:
    batch = Crops(material, tiny_tera, training)[0]
    clips, frames, dims = batch.values.shape
    assert (clips, dims) == (4, 80)
    assert frames <= training.frames == 100
    whole = [
        tiny_tera.front(audio.read(stretch.file).signal, 16000) for stretch in material.stretches
    ]
    for values, altered, chosen, mask in zip(
        batch.values, batch.altered, batch.chosen, batch.mask, strict=True
    ):
        length = int(mask.sum())
        assert mask[:length].all()
        assert not chosen[length:].any()
        assert chosen[:length].any()
        crop = values[:length].numpy()
        assert any(
            np.array_equal(crop, matrix[start : start + length])
            for matrix in whole
            for start in range(len(matrix) - length + 1)
        )
        untouched = mask[:, None] & ~chosen
        assert not torch.equal(altered, values) or untouched.all()
        if length < frames:  # what follows is the crop again
            more = min(length, frames - length)
            assert torch.equal(values[length : length + more], values[:more])


def test_batches_follow_from_seed_and_step(
    material: Recordings, tiny_tera: EncoderSettings, training: PretrainingSettings
) -> None:
    one, other = (Crops(material, tiny_tera, training) for _ in range(2))
    batches = [one[step] for step in range(6)]
    for step in (5, 0, 3):  # in any order
        assert equal(other[step], batches[step])
    assert not equal(batches[0], batches[1])
    reseeded = Crops(material, tiny_tera, dataclasses.replace(training, seed=9))
    assert not equal(reseeded[0], batches[0])


def test_an_epoch_holds_every_stretch_as_often_as_it_has_room(
    material: Recordings, tiny_tera: EncoderSettings, training: PretrainingSettings
) -> None:
    crops = Crops(material, tiny_tera, training)
    for epoch in range(2):
        first = epoch * len(crops.places)
        places = [crops._place(first + number) for number in range(len(crops.places))]
        found = np.bincount(places).tolist()
        assert found == [max(1, round(stretch.seconds)) for stretch in material.stretches]
    assert crops.steps == len(crops.places) / 4


def test_processes_share_an_epoch(
    material: Recordings, tiny_tera: EncoderSettings, training: PretrainingSettings
) -> None:
    alone = Crops(material, tiny_tera, dataclasses.replace(training, batch=8.0))
    two = [Crops(material, tiny_tera, training, rank=rank, world=2) for rank in range(2)]
    assert two[0].steps == alone.steps
    for step in range(3):
        parts = [crops[step] for crops in two]
        masks = torch.cat([part.mask.sum(dim=1) for part in parts])
        assert torch.equal(masks, alone[step].mask.sum(dim=1))


def test_the_cache_changes_nothing(
    material: Recordings, tiny_npc: EncoderSettings, training: PretrainingSettings, cache: Path
) -> None:
    plain = Crops(material, tiny_npc, training, cached=False)
    kept = Crops(material, tiny_npc, training)
    assert kept.cache is not None
    for _ in range(2):
        assert all(equal(plain[step], kept[step]) for step in range(3))
    assert plain.cache is None
    assert list((cache / "features").rglob("*.npy"))


def test_more_than_the_cache_holds_is_not_cached(
    material: Recordings,
    tiny_npc: EncoderSettings,
    training: PretrainingSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SERENADE_CACHE_GB", "0.0005")
    assert Crops(material, tiny_npc, training).cache is None


def test_validation_is_always_the_same(
    material: Recordings, tiny_tera: EncoderSettings, training: PretrainingSettings
) -> None:
    crops = Crops(material, tiny_tera, training)
    first, problems = crops.validation()
    second, _ = crops.validation()
    assert problems == []
    assert len(first) == len(second) > 0
    assert all(equal(one, other) for one, other in zip(first, second, strict=True))


def test_long_recordings_are_cut(tmp_path: Path, training: PretrainingSettings) -> None:
    noise = np.random.default_rng(0).standard_normal(16000 * 40) / 10
    for name in ("one", "two"):
        soundfile.write(tmp_path / f"{name}.wav", noise, 16000)
    found = gather_recordings(
        [str(tmp_path / "one.wav"), str(tmp_path / "two.wav")], [], training, pytest.fail
    )
    (first, second, third) = found.stretches
    assert (first.start, second.start) == (0.0, pytest.approx(40 / 3))
    assert (first.end, second.end, third.end) == (second.start, third.start, None)


def test_files_that_cannot_be_used_are_told_and_replaced(
    files: list[str], tmp_path: Path, tiny_tera: EncoderSettings, training: PretrainingSettings
) -> None:
    for file in files:
        shutil.copy(file, tmp_path)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.flac").write_text("no audio")
    soundfile.write(tmp_path / "short.wav", np.full(100, 0.1), 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(64000), 16000)  # known when it is read
    told: list[str] = []
    training = dataclasses.replace(training, validation=0.05)
    found = gather_recordings([str(path) for path in tmp_path.iterdir()], [], training, told.append)
    assert sorted(Path(line.split(":")[0]).name for line in told) == [
        *("empty.wav", "short.wav", "text.flac")
    ]
    assert found.files == 13
    crops = Crops(found, tiny_tera, training)
    batches = [crops[step] for step in range(int(crops.steps) + 1)]
    lines = {line for batch in batches for line in batch.problems}
    silent_is_trained_on = any(s.file.endswith("silent.wav") for s in found.stretches)
    assert silent_is_trained_on
    assert len(lines) == 1
    assert "silent.wav: is silent" in lines.pop()
    assert all(len(batch.values) == 4 for batch in batches)


def test_nothing_to_train_on(
    tmp_path: Path, files: list[str], training: PretrainingSettings
) -> None:
    with pytest.raises(ModelError, match="here: 1 usable recordings"):
        gather_recordings(files[:1], ["here"], training, pytest.fail)
    copies = [shutil.copy(file, tmp_path) for file in files]
    found = gather_recordings([str(copy) for copy in copies], [], training, pytest.fail)
    for copy in copies:
        Path(copy).unlink()
    with pytest.raises(ModelError, match="nor could the files before it"):
        Crops(found, _any_settings(), training, cached=False)[0]


def _any_settings() -> EncoderSettings:
    from serenade.encoders import npc

    return npc.PRESETS["small"][0]
