"""Training of networks: validation clips, the best epoch, seeds, batches and logs."""

import dataclasses
import io
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from serenade._targets import Targets  # noqa: E402
from serenade.errors import InputError, MissingExtraError, SerenadeError  # noqa: E402
from serenade.training import make_logger  # noqa: E402
from serenade.training._clip_net import make_schedule, score_recall  # noqa: E402
from serenade.training._clips import pick_clips  # noqa: E402


def test_network_learner_learns_synthetic_clips(learner, clips_of):
    fitted = learner(epochs=20).fit(clips_of())
    test = clips_of(seed=1)
    found = fitted.predict_proba(test.streams)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert fitted.classes_.tolist() == ["angry", "happy", "sad"]
    assert np.mean(fitted.classes_[found.argmax(axis=1)] == test.labels) > 0.8


def test_curve_holds_the_scores_of_each_epoch(learner, clips_of):
    fitted = learner(epochs=4).fit(clips_of(), clips_of(seed=1))
    assert [set(epoch) for epoch in fitted.curve] == [{"train_loss", "valid_loss", "valid_ua"}] * 4
    found = fitted.classifier.history[:, "train_loss"]
    np.testing.assert_allclose([epoch["train_loss"] for epoch in fitted.curve], found, atol=1e-5)
    alone = learner(epochs=2).fit(clips_of())
    assert [set(epoch) for epoch in alone.curve] == [{"train_loss"}] * 2


def test_network_learner_ignores_padding(learner, clips_of):
    clips = clips_of()
    fitted = learner().fit(clips)
    together = fitted.predict_proba(clips.streams)
    alone = np.concatenate([fitted.predict_proba(([matrix],)) for matrix in clips.streams[0][:9]])
    np.testing.assert_allclose(together[:9], alone, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(clips.labels))
    mixed = fitted.predict_proba(pick_clips(clips.streams, order))
    np.testing.assert_allclose(mixed, together[order], atol=1e-6)


def test_network_learner_is_decided_by_its_seed(learner, clips_of, weights_of):
    clips, kept = clips_of(), torch.get_rng_state()
    one, two, other = (learner(seed).fit(clips) for seed in (3, 3, 4))
    assert weights_of(one) == weights_of(two)
    assert weights_of(one) != weights_of(other)
    assert torch.equal(torch.get_rng_state(), kept)


@pytest.mark.parametrize("monitor", ["ua", "loss"])
def test_network_learner_restores_the_best_epoch(learner, clips_of, monitor):
    clips, validation = clips_of(30, noise=3.0), clips_of(60, seed=5, noise=3.0)
    fitted = learner(epochs=12, monitor=monitor, learning_rate=0.05).fit(clips, validation)
    history = fitted.classifier.history
    found = fitted.predict_proba(validation.streams)
    if monitor == "ua":
        best, last = max(history[:, "valid_ua"]), history[-1, "valid_ua"]
        right = fitted.classes_[found.argmax(axis=1)] == validation.labels
        restored = np.mean(
            [right[validation.labels == label].mean() for label in set(clips.labels)]
        )
    else:
        best, last = min(history[:, "valid_loss"]), history[-1, "valid_loss"]
        columns = np.searchsorted(fitted.classes_, validation.labels)
        restored = -np.log(found[np.arange(60), columns]).mean()
    assert restored == pytest.approx(best, rel=1e-4)
    assert best != last  # else the last epoch would do


def test_network_learner_stops_after_patience(learner, clips_of):
    # Labels by chance: nothing that holds for other clips can be learnt.
    clips, validation = clips_of(30, noise=20.0), clips_of(30, seed=5, noise=20.0)
    settings = {"epochs": 200, "patience": 3, "monitor": "loss", "learning_rate": 0.1}
    history = learner(**settings).fit(clips, validation).classifier.history
    assert len(history) < 200
    losses = history[:, "valid_loss"]
    assert int(np.argmin(losses)) == len(losses) - 4


def test_network_learner_does_not_train_on_validation_clips(learner, clips_of, weights_of):
    """Wrong validation clips do not change the training of any epoch."""
    clips, honest = clips_of(), clips_of(30, seed=5)
    poisoned = dataclasses.replace(
        honest,
        labels=np.roll(honest.labels, 1),
        streams=([1e3 * matrix for matrix in honest.streams[0]],),
    )
    one, two = (learner(epochs=5).fit(clips, part) for part in (honest, poisoned))
    losses = [fitted.classifier.history[:, "train_loss"] for fitted in (one, two)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(one.scalers[0].mean, two.scalers[0].mean)
    assert one.classifier.history[:, "valid_loss"] != two.classifier.history[:, "valid_loss"]
    # With nothing to choose from, even the weights are the same.
    plain = learner(epochs=1).fit(clips)
    assert weights_of(learner(epochs=1).fit(clips, poisoned)) == weights_of(plain)


def test_hold_out_divides_no_speaker(clips_of):
    clips = clips_of(60, copies=2)
    train, validation = clips.hold_out(0.3, seed=0)
    assert not set(train.speakers) & set(validation.speakers)
    assert len(set(validation.speakers)) == 3
    assert [len(block) for (block,) in train.rounds] == [42] * 3
    assert validation.copies == ()
    unknown = dataclasses.replace(clips, speakers=None)
    assert len(unknown.hold_out(0.1, seed=0)[1].labels) == 6


def test_network_learner_holds_out_the_share_of_the_recipe(learner, clips_of):
    fitted = learner(holdout=0.2).fit(clips_of(60))
    assert len(fitted.classifier.history[:, "valid_ua"]) == 4
    assert "valid_ua" not in learner().fit(clips_of(60)).classifier.history[-1]


def test_network_learner_leaves_out_classes_of_validation_only(learner, clips_of):
    clips, validation = clips_of(), clips_of(30, seed=5)
    two = clips.take(np.flatnonzero(clips.labels != "happy"))
    fitted = learner().fit(two, validation)
    assert fitted.classes_.tolist() == ["angry", "sad"]
    only = validation.take(np.flatnonzero(validation.labels == "happy"))
    assert "valid_ua" not in learner().fit(two, only).classifier.history[-1]


def test_network_learner_uses_weights_of_clips(learner, clips_of):
    clips, test = clips_of(noise=12.0), clips_of(90, seed=1, noise=12.0)
    shares = []
    for weight in (0.1, 10.0):
        weights = np.where(clips.labels == "happy", weight, 1.0)
        heavy = dataclasses.replace(clips, weights=weights / weights.mean())
        found = learner(epochs=10).fit(heavy).predict_proba(test.streams)
        shares.append(found[:, 1].mean())
    assert shares[0] < 0.2
    assert shares[1] > 0.5


def test_network_learner_trains_on_copies(learner, clips_of):
    batches = learner(epochs=1).fit(clips_of(60, copies=3)).classifier.history[0]
    assert batches["train_batch_count"] == 15


def test_network_learner_scales_by_a_reference_emotion(learner, clips_of):
    clips = clips_of()
    fitted = learner(epochs=1, reference="angry").fit(clips)
    angry = np.concatenate(clips.take(np.flatnonzero(clips.labels == "angry")).streams[0])
    np.testing.assert_allclose(fitted.scalers[0].mean, angry.mean(axis=0), atol=1e-5)
    absent = learner(epochs=1, reference="calm").fit(clips)
    np.testing.assert_allclose(
        absent.scalers[0].mean, np.concatenate(clips.streams[0]).mean(axis=0), atol=1e-5
    )


def test_clip_net_masks_and_mixes_batches(learner, clips_of):
    net = learner(epochs=1, time_masks=2, band_masks=1, band_width=3).fit(clips_of()).classifier
    inputs = {
        "values": [torch.ones(50, 20, 6)],
        "mask": [torch.arange(20) < torch.tensor([[10], [20]]).repeat(25, 1)],
        "weights": torch.ones(50),
    }
    labels = torch.arange(50) % 3
    changed, same = net.alter(inputs, labels)
    (values,) = changed["values"]
    assert torch.equal(same, labels)
    assert (inputs["values"][0] == 1).all()
    frames = (values == 0).all(dim=2).sum(dim=1)
    bands = (values == 0).all(dim=1).sum(dim=1)
    assert 0 < frames.max() <= 6
    assert (values[::2, 10:].any(dim=2)).all()  # what is padded anyway is not masked
    assert 0 < bands.max() <= 3
    mixing = learner(epochs=1, mixup=0.4).fit(clips_of()).classifier
    mixed, soft = mixing.alter({**inputs, "values": [torch.rand(50, 20, 6)]}, labels)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(50))
    assert ((soft > 0.01) & (soft < 0.99)).any()
    assert (mixed["mask"][0].sum(dim=1) >= inputs["mask"][0].sum(dim=1)).all()


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw", "rmsprop"])
def test_get_optimiser_trains_with_each_optimiser(learner, clips_of, optimiser):
    settings = {"smoothing": 0.1, "clip": 1.0, "schedule": "cosine", "weight_decay": 1e-3}
    fitted = learner(epochs=6, optimiser=optimiser, **settings).fit(clips_of())
    losses = fitted.classifier.history[:, "train_loss"]
    assert losses[-1] < losses[0]


def test_network_learner_learns_in_bfloat16(learner, clips_of, weights_of):
    clips = clips_of()
    exact, reduced = (
        learner(epochs=20, precision=name).fit(clips) for name in ("float32", "bfloat16")
    )
    assert weights_of(exact) != weights_of(reduced)
    assert reduced.classifier.module_.output.weight.dtype == torch.float32
    np.testing.assert_allclose(
        reduced.predict_proba(clips.streams), exact.predict_proba(clips.streams), atol=0.05
    )


def test_make_schedule_gives_each_schedule(learner):
    cosine = make_schedule(learner(schedule="cosine", epochs=10).recipe, 5)
    assert [round(cosine(epoch), 3) for epoch in (0, 5, 10)] == [1.0, 0.5, 0.0]
    inverse = make_schedule(learner(schedule="inverse", decay=0.1).recipe, 5)
    assert [round(inverse(epoch), 3) for epoch in (0, 1, 2)] == [1.0, 0.667, 0.5]
    assert make_schedule(learner().recipe, 5)(99) == 1


def test_score_recall_is_unweighted():
    class Always:
        def predict(self, X):
            return np.zeros(len(X), int)

    y = np.array([0, 0, 0, 1])
    assert score_recall(Always(), y, y) == 0.5


def test_network_learner_names_the_fix_of_mistakes(learner, clips_of):
    with pytest.raises(SerenadeError, match="no optimiser 'adm'; choose from sgd"):
        learner(optimiser="adm").fit(clips_of())
    with pytest.raises(SerenadeError, match=r"device 'abacus'.*use cpu"):
        learner(device="abacus")
    with pytest.raises(SerenadeError, match="write tensorboard=FOLDER or mlflow"):
        make_logger("tensorboard", "run")


def test_network_learner_passes_on_an_interrupt(learner, clips_of, monkeypatch):
    """Raise on Ctrl-C, which ends skorch quietly: a half-trained network must not be evaluated."""

    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("serenade.training._callbacks.Bar.on_epoch_end", pressed)
    with pytest.raises(KeyboardInterrupt):
        learner(epochs=9).fit(clips_of())


def test_bar_is_drawn_on_a_terminal_only(learner, clips_of, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    learner().fit(clips_of(), clips_of(30, seed=5))
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr", Terminal())
    learner().fit(clips_of(), clips_of(30, seed=5))
    shown = sys.stderr.getvalue()
    assert "validation UA 0." in shown
    assert "loss " in shown
    assert "100%" in shown


def test_make_logger_logs_epochs_to_tensorboard(learner, clips_of, tmp_path):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="tracking"):
            make_logger(f"tensorboard={tmp_path}", "run")
        return
    learner(tracking=f"tensorboard={tmp_path}").fit(clips_of(), clips_of(30, seed=5))
    (events,) = tmp_path.rglob("events.*")
    assert events.parent.name.startswith("small-")
    assert b"valid_ua" in events.read_bytes()


@pytest.mark.filterwarnings("ignore")  # the library's own, about its file store
def test_make_logger_logs_epochs_to_mlflow(learner, clips_of, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    learner(tracking=f"mlflow={tmp_path.as_uri()}").fit(clips_of(), clips_of(30, seed=5))
    (logged,) = tmp_path.rglob("metrics/valid_ua")
    assert len(logged.read_text().splitlines()) == 4


def test_learner_refuses_one_class_after_its_holdout(learner, clips_of):
    clips = clips_of(12)
    clips = clips.take(np.flatnonzero(clips.labels != "happy"))
    clips = dataclasses.replace(clips, speakers=np.where(clips.labels == "sad", "a", "b"))
    with pytest.raises(InputError, match="two classes"):
        learner(epochs=1, holdout=0.5).fit(clips)


def test_network_learner_gives_the_network_zeros_as_labels_of_values(
    learner, clips_of, monkeypatch
):
    clips = clips_of(12)
    values = Targets(("arousal", "valence"), np.eye(2)[np.arange(12) % 2], votes=False)
    votes = Targets(("angry", "sad"), values.numbers, votes=True)
    made, shown = learner(epochs=1), []
    build = type(made.system).network
    monkeypatch.setattr(
        type(made.system), "network", lambda *given: shown.append(given[2].labels) or build(*given)
    )
    for targets in (values, votes):
        made.fit(dataclasses.replace(clips, targets=targets))
    assert [labels.tolist() for labels in shown] == [[0] * 12, [0, 1] * 6]


def test_network_learner_names_runs_by_the_version_of_the_system(learner, clips_of, monkeypatch):
    made, clips = learner(), clips_of(12)
    first = made._make_key(clips, None)
    assert "system_version" not in made._describe_run()
    monkeypatch.setattr(type(made.system), "version", 2)
    assert made._make_key(clips, None) != first
