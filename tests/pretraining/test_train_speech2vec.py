"""Speech2Vec: what is cut, what is learnt, and that a killed run goes on to the same weights."""

import numpy as np
import pytest
import soundfile

from serenade.encoders import Speech2VecSettings
from serenade.errors import ModelError
from serenade.pretraining import gather_spoken_words

torch = pytest.importorskip("torch")

from serenade.encoders import (  # noqa: E402
    build_speech2vec,
    encode_words,
    prepare_words,
)
from serenade.errors import SerenadeError  # noqa: E402
from serenade.pretraining import Watch, train_speech2vec  # noqa: E402
from serenade.pretraining._spoken_words import SpokenWords  # noqa: E402
from serenade.pretraining._train_speech2vec import Speech2VecRun  # noqa: E402

SENTENCES = ["kids are talking", "dogs are sitting", "we go home", "you go out"]


def spoken(count=24, seed=0, ways=1):
    """Make sentences whose words have patterns of frames of varying length in noise.

    A word is said in one of several ways, which sound nothing alike.
    """
    rng = np.random.default_rng(seed)
    said = [sentence.split() for sentence in SENTENCES]
    pattern = {
        (word, way): np.random.default_rng([number, way]).standard_normal((2, 13))
        for number, word in enumerate(sorted({word for words in said for word in words}))
        for way in range(ways)
    }
    words, matrices, recordings, spoken_ways = [], [], [], []
    for recording in range(count):
        for word in said[recording % len(said)]:
            length, way = int(rng.integers(6, 14)), int(rng.integers(ways))
            course = np.repeat(pattern[word, way], [length // 2, length - length // 2], axis=0)
            words.append(word)
            matrices.append((course + 0.5 * rng.standard_normal(course.shape)).astype(np.float32))
            recordings.append(recording)
            spoken_ways.append(way)
    files = tuple(f"{number}.wav" for number in range(count))
    material = SpokenWords(tuple(words), tuple(matrices), np.array(recordings), files)
    return (material, np.array(spoken_ways)) if ways > 1 else material


def settings(**changes):
    return Speech2VecSettings(**{"size": 8, "epochs": 3, "batch": 8, "held_out": 0.2} | changes)


def weights(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


def test_the_papers_numbers():
    stated = Speech2VecSettings()
    assert (stated.size, stated.window, stated.coefficients) == (50, 3, 13)
    tone = np.sin(np.arange(16000, dtype=np.float32))
    assert stated.feature(tone, 16000).shape == (101, 13)


def test_neighbours_are_of_the_same_recording():
    material = spoken(3)
    near = [list(map(int, rows)) for rows in material.contexts(1)]
    assert near == [[1], [0, 2], [1], [4], [3, 5], [4], [7], [6, 8], [7]]
    assert [len(rows) for rows in material.contexts(3)] == [2] * 9


def test_a_vector_does_not_depend_on_its_batch_and_reads_both_ways():
    network, matrices = build_speech2vec(settings()), spoken(4).matrices
    together = encode_words(network, matrices)
    alone = np.concatenate([encode_words(network, [matrix]) for matrix in matrices])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    # PyTorch's own bidirectional LSTM with the same weights.
    both = torch.nn.LSTM(13, 4, batch_first=True, bidirectional=True)
    own = {
        f"{n}{s}": w
        for s, r in zip(("", "_reverse"), network.readers, strict=True)
        for n, w in r.state_dict().items()
    }
    both.load_state_dict(own)
    with torch.no_grad():
        states = both(torch.from_numpy(matrices[0])[None])[1][0]
    np.testing.assert_allclose(together[0], states.flatten().numpy(), atol=1e-6)


def test_the_loss_is_the_mean_squared_error_over_real_frames_of_neighbours():
    material = spoken(2)
    run = Speech2VecRun(settings(held_out=0.0), material, _cpu(), Watch())
    wrong = []
    for centre in (0, 4):
        for near in run.contexts[centre]:
            target = material.matrices[near]
            with torch.no_grad():
                words = prepare_words([material.matrices[centre]])
                written = run.network(*words, len(target))[0].numpy()
            wrong.append(np.square(written - target).mean(axis=1))
    found = float(run.compute_loss(run.network, np.array([0, 4])).detach())
    assert found == pytest.approx(np.concatenate(wrong).mean(), rel=1e-5)


def _cpu():
    from serenade.training import Device

    return Device("cpu")


def test_what_sounds_unlike_comes_together_by_its_neighbours():
    """What skip-grams are for: two ways of saying a word have the same words beside them."""
    material, _ = spoken(200, ways=2)
    chosen = settings(size=16, epochs=30, batch=32, learning_rate=1e-2, held_out=0.0)
    network, history = train_speech2vec(chosen, material)
    losses = [point["train_loss"] for point in history["points"]]
    assert losses[-1] < 0.9 * losses[0]
    unheard, way = spoken(48, seed=1, ways=2)

    def gap(of):
        vectors = encode_words(of, unheard.matrices)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors @ vectors.T
        same = np.equal.outer(unheard.words, unheard.words)
        return cosines[same & np.not_equal.outer(way, way)].mean() - cosines[~same].mean()

    assert gap(build_speech2vec(chosen)) < 0.1
    assert gap(network) > 0.2


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    material = spoken()
    one, again = (train_speech2vec(settings(), material)[0] for _ in range(2))
    other = train_speech2vec(settings(seed=1), material)[0]
    assert weights(one) == weights(again)
    assert weights(one) != weights(other)


class _Killed(Watch):
    def __init__(self, after):
        self.left = after

    def step(self, share, loss):  # noqa: ARG002 - of the class
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [2, 9, 20])
def test_killed_and_gone_on_is_as_never_killed(tmp_path, after):
    material, path = spoken(), tmp_path / "run.pt"
    whole, history = train_speech2vec(settings(), material)
    assert history["steps"] > 20
    with pytest.raises(KeyboardInterrupt):
        train_speech2vec(settings(), material, checkpoint=path, every=0.0, watch=_Killed(after))
    assert path.is_file() == (after > 1)
    resumed, again = train_speech2vec(settings(), material, checkpoint=path, every=0.0)
    assert weights(resumed) == weights(whole)
    assert again["points"] == history["points"]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    train_speech2vec(settings(epochs=1), spoken(), checkpoint=path, every=0.0)
    with pytest.raises(SerenadeError, match="other recordings or settings"):
        train_speech2vec(settings(epochs=1), spoken(seed=2), checkpoint=path)


def test_held_out_recordings_are_never_trained_on():
    material = spoken()
    run = Speech2VecRun(settings(), material, _cpu(), Watch())
    sides = [set(material.recordings[rows]) for rows in (run.centres, run.held_out)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[1]) == 4
    # A held-out neighbour would be trained on as well; neighbours are of one recording.
    assert all(set(material.recordings[run.contexts[c]]) <= sides[0] for c in run.centres)


def test_single_words_teach_nothing():
    material = spoken(3)
    lonely = SpokenWords(material.words, material.matrices, np.arange(9), tuple("abcdefghi"))
    with pytest.raises(ModelError, match="two words or more"):
        train_speech2vec(settings(), lonely)


def test_a_divergence_is_told():
    material = spoken()
    material.matrices[0][:] = np.inf
    with pytest.raises(SerenadeError, match="diverged"):
        train_speech2vec(settings(), material)


@pytest.mark.parametrize("bad", [{"size": 7}, {"window": 0}, {"held_out": 1.0}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ModelError, match="even size"):
        Speech2VecSettings(**bad)


@pytest.fixture
def recording(tmp_path):
    """Write half a second of a low tone and half a second of a high one."""
    time = np.arange(8000) / 16000
    path = tmp_path / "tones.wav"
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (200, 2000)]
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * np.concatenate(tones) + 0.001 * rng.standard_normal(16000), 16000)
    return str(path)


def test_words_are_cut_where_they_are_said(recording):
    found, problems = gather_spoken_words(
        {recording: [("Low,", 0.0, 0.5), ("high", 0.5, 1.0)]}, Speech2VecSettings()
    )
    assert problems == []
    assert found.words == ("low", "high")
    assert [len(matrix) for matrix in found.matrices] == [50, 50]
    whole = np.concatenate(found.matrices)
    # Scaled over the recording: a low and a high tone differ in the slope of the spectrum.
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=0.1)
    first, second = (matrix[5:-5, 1] for matrix in found.matrices)
    assert abs(first.mean() - second.mean()) > 5 * max(first.std(), second.std())


def test_what_is_no_word_is_counted(recording):
    words = [("[noise]", 0, 0.3), ("a", 0.3, 0.31), ("long", 0.0, 2.5), ("fine", 0.1, 0.4)]
    found, _ = gather_spoken_words({recording: words}, Speech2VecSettings())
    assert found.words == ("long", "fine")  # a word ends where its recording does
    assert found.left_out == 2


def test_bad_recordings_are_told_and_the_others_used(recording, tmp_path):
    (tmp_path / "no.wav").write_text("no recording")
    spoken = {str(tmp_path / "no.wav"): [("x", 0, 1)], recording: [("low", 0, 0.5)]}
    found, problems = gather_spoken_words(spoken, Speech2VecSettings(), jobs=1)
    assert found.files == (recording,)
    assert len(problems) == 1
    assert "no.wav" in problems[0]
    with pytest.raises(ModelError, match=r"no spoken words in 1 recordings.*no\.wav"):
        gather_spoken_words({str(tmp_path / "no.wav"): [("x", 0, 1)]}, Speech2VecSettings(), jobs=1)
    with pytest.raises(ModelError, match="no times, or no letters"):
        gather_spoken_words({}, Speech2VecSettings())
