"""The dual-BiLSTM of Krishna & Reddy: recurrent dropout, embeddings, branches."""

import numpy as np
import pytest
from click.testing import CliRunner

from serenade import systems
from serenade.cli._main import cli
from serenade.corpora import iemocap
from serenade.encoders import EmbeddedWords, get_word_codes
from serenade.encoders._word_vectors import WordVectors
from serenade.errors import SerenadeError
from serenade.systems import TrainingSet

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from serenade.systems.networks._dual_bilstm import Branch, DualBiLSTM, Embedding  # noqa: E402
from serenade.systems.networks._recurrence import Recurrence  # noqa: E402
from serenade.training import Estimator  # noqa: E402
from serenade.training._batches import pad  # noqa: E402

SYSTEM = systems.get("dual-bilstm")
SMALL = {"cells": 8, "dense": 16, "epochs": 6, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_iemocap):
    return write_iemocap(tmp_path_factory.mktemp("iemocap"))


@pytest.fixture(scope="module")
def data(root):
    table = iemocap.load(root).table
    return table.drop(columns="emotion"), table["emotion"].to_numpy(dtype=str)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "speech2vec.txt"
    words = ["alone", "glad", "we", "form", "gone", "joyful"]
    rng = np.random.default_rng(0)
    WordVectors(words, rng.standard_normal((6, 10)).astype(np.float32)).save(path)
    return str(path)


def shown(texts, feature):
    words = [feature(text) for text in texts]
    frames = [np.zeros((3, 34), np.float32) for _ in texts]
    return TrainingSet((frames, words), np.zeros(len(texts), np.int64), ("a", "b"), 0)


def made(texts, **changes):
    recipe = SYSTEM.recipe(**{**SMALL, **changes})
    feature = EmbeddedWords(recipe.vectors)
    torch.manual_seed(0)
    return SYSTEM.network(recipe, shown(texts, feature)), feature


def test_default_recipe_has_the_settings_of_the_paper():
    recipe = SYSTEM.recipe()
    assert (recipe.cells, recipe.dense, recipe.windows, recipe.words) == (128, 256, 200, 128)
    assert (recipe.recurrent_dropout, recipe.dropout, recipe.epochs) == (0.2, 0.3, 20)
    assert (recipe.batch, recipe.learning_rate, recipe.holdout) == (32, 1e-3, 0.0)
    acoustic, words = SYSTEM.features(recipe)
    assert acoustic(np.zeros(32000, np.float32), 16000).shape == (20, 34)
    assert len(words("word " * 200)) == 128
    network, _ = made(["a b"], cells=128, dense=256)
    assert [branch.recurrence.outputs for branch in network.branches] == [256, 256]
    assert (network.joint.in_features, network.output.in_features) == (512, 256)
    with pytest.raises(SerenadeError, match="branches is one of both, acoustic, words, average"):
        SYSTEM.recipe(branches="text")


def test_single_branches_have_the_layers_of_the_paper():
    alone = {name: made(["a b"], branches=name)[0] for name in ("acoustic", "words")}
    assert alone["acoustic"].joint is None
    assert alone["words"].joint.in_features == 16
    assert [len(network.branches) for network in alone.values()] == [1, 1]


def test_branch_dropout_hides_one_branch_in_training():
    """Never hide both, hide each equally often, and none in evaluation."""
    torch.manual_seed(0)
    branches = [Branch(5, 20, cells=4, dropout=0.0), Branch(3, 20, cells=4, dropout=0.0)]
    network = DualBiLSTM(branches, 3, branch_dropout=0.8).train()
    found = [torch.ones(2000, 6), torch.ones(2000, 2)]
    shown = [part.mean(dim=1) for part in network._drop_branches(found)]
    assert all(set(part.unique().tolist()) == {0.0, 1.0} for part in shown)
    assert float((shown[0] + shown[1]).min()) == 1.0
    assert [float(part.mean()) for part in shown] == pytest.approx([0.6, 0.6], abs=0.04)
    assert network.eval()._drop_branches(found) is found
    assert DualBiLSTM(branches[:1], 3, branch_dropout=0.8).branch_dropout == 0.0


def test_average_equals_the_mean_of_single_networks(data, vectors):
    """The acoustic network equals that of a run without vectors."""
    X, y = data
    made = {
        part: Estimator(SYSTEM, SYSTEM.recipe(branches=part, vectors=named, **SMALL), jobs=1)
        for part, named in (
            *(("acoustic", "random"), ("words", vectors)),
            *(("both", vectors), ("average", vectors)),
        )
    }
    found = {part: each.fit(X, y).predict_proba(X) for part, each in made.items()}
    mean = np.mean([found[part] for part in ("acoustic", "words", "both")], axis=0)
    np.testing.assert_allclose(found["average"], mean, atol=1e-6)


def test_recurrence_without_dropout_equals_the_lstm():
    torch.manual_seed(0)
    network = Recurrence(5, 7, recurrent_dropout=1e-9).train()
    x, mask = torch.randn(3, 11, 5), torch.arange(11) < torch.tensor([[11], [4], [1]])
    assert network.kept.probability > 0  # step by step
    unrolled = network(x, mask)
    torch.testing.assert_close(unrolled, network.eval()(x, mask), atol=1e-6, rtol=1e-5)
    both = torch.nn.LSTM(5, 7, batch_first=True, bidirectional=True)
    directions = dict(zip(("", "_reverse"), network.layers[0], strict=True))
    both.load_state_dict(
        {n + suffix: w for suffix, lstm in directions.items() for n, w in lstm.state_dict().items()}
    )
    torch.testing.assert_close(unrolled[0], both(x[:1])[0][0], atol=1e-6, rtol=1e-5)


def test_recurrent_dropout_has_one_mask_for_all_steps():
    """Dropout hides the same cells of the state at each step, and none of the output."""
    torch.manual_seed(0)
    network = Recurrence(4, 64, bidirectional=False, recurrent_dropout=0.5).train()
    x = torch.randn(1, 6, 4)
    handed_on = []
    kept = network.kept.forward

    def spy(ones):
        handed_on.append(kept(ones))
        return handed_on[-1]

    network.kept.forward = spy
    found = network(x, torch.ones(1, 6, dtype=torch.bool))[0]
    (mask,) = handed_on
    mask = mask[0, 0]
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    (lstm,) = network.layers[0]
    state = (torch.zeros(1, 64), torch.zeros(1, 64))
    cell = torch.nn.LSTMCell(4, 64)
    cell.load_state_dict({n.removesuffix("_l0"): w for n, w in lstm.state_dict().items()})
    for step in range(6):
        state = cell(x[:, step], (state[0] * mask, state[1]))
        torch.testing.assert_close(found[step], state[0][0], atol=1e-6, rtol=1e-5)


def test_dual_bilstm_ignores_padding_and_steps_beyond_the_longest():
    torch.manual_seed(0)
    network = DualBiLSTM([Branch(5, 20, cells=4), Branch(3, 20, cells=4)], 3).eval()
    rng = np.random.default_rng(0)
    first = [rng.standard_normal((n, 5)).astype(np.float32) for n in (9, 33, 1)]
    second = [rng.standard_normal((n, 3)).astype(np.float32) for n in (1, 2, 12)]
    with torch.no_grad():
        together = network(*pad(first), *pad(second))
        alone = [network(*pad(first[i : i + 1]), *pad(second[i : i + 1])) for i in range(3)]
        first[1] = first[1][:20]
        cut = network(*pad(first), *pad(second))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together, cut, atol=1e-5, rtol=1e-4)


def test_embedding_trains_as_that_of_pytorch():
    """Compare the sum of file vectors and trained values with PyTorch's layer under Adam."""
    torch.manual_seed(0)
    texts = ["we are glad", "glad we", "are are alone"]
    rows = [EmbeddedWords()(text) for text in texts]
    codes = np.unique(get_word_codes(np.concatenate(rows)))
    start = torch.randn(len(codes), 6)
    ours = Embedding(torch.from_numpy(codes), torch.zeros(len(codes), 6))
    layer = torch.nn.Embedding.from_pretrained(start.clone(), freeze=False)
    steps = [torch.optim.Adam(each.parameters(), 0.01) for each in (ours, layer)]
    target = torch.randn(6)
    for text in rows * 3:
        places = torch.from_numpy(np.searchsorted(codes, get_word_codes(text)))
        given = torch.cat([torch.from_numpy(text), start[places]], dim=1)
        found = ours(given), layer(places)
        for output, optimiser in zip(found, steps, strict=True):
            optimiser.zero_grad()
            (output.tanh().mean(dim=0) - target).square().sum().backward()
            optimiser.step()
        torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)
    assert (layer.weight - start).abs().max() > 0.05


def test_embedding_keeps_vectors_of_unseen_words(vectors):
    network, feature = made(["we are glad", "alone"], vectors=vectors)
    embedding = network.branches[1].embedding
    assert embedding.learnt.shape == (4, 10)
    with torch.no_grad():
        embedding.learnt += 1.0  # as if training had moved all it can

        def embedded(text):
            return embedding(torch.from_numpy(feature(text)))[0].numpy()

        def of_file(text):
            return feature(text)[0, 2:]

        np.testing.assert_allclose(embedded("glad"), of_file("glad") + 1, rtol=1e-6)
        assert np.abs(embedded("are") - 1).max() <= 0.05  # began at random
        assert np.abs(embedded("are") - 1).max() > 0
        np.testing.assert_array_equal(embedded("joyful"), of_file("joyful"))  # the file's alone
        np.testing.assert_array_equal(embedded("zorgblat"), np.zeros(10))
        np.testing.assert_array_equal(embedded(""), np.zeros(10))


def test_embedding_learns_words_of_training_texts(data):
    X, y = data
    estimator = Estimator(SYSTEM, SYSTEM.recipe(branches="words", **SMALL), jobs=1).fit(X, y)
    embedding = estimator.classifier_.module_.branches[0].embedding
    texts = " ".join(X["text"])
    assert set(embedding.codes.tolist()) == set(get_word_codes(EmbeddedWords(longest=10**6)(texts)))
    # Other texts of a prediction change neither it nor one another.
    rows = X.iloc[:3].assign(text=["zorgblat", "nie wiem", ""])
    found = estimator.predict_proba(rows)
    alone = np.concatenate([estimator.predict_proba(rows.iloc[[i]]) for i in range(3)])
    np.testing.assert_allclose(found, alone, atol=1e-6)
    np.testing.assert_allclose(found[0], found[2], atol=1e-6)  # one unknown word, or no word


@pytest.mark.parametrize("branches", ["acoustic", "words", "both"])
def test_dual_bilstm_generalises_to_unseen_speakers(data, vectors, branches):
    X, y = data
    recipe = SYSTEM.recipe(branches=branches, vectors=vectors, **SMALL | {"epochs": 15})
    unseen = (X["session"] == "5").to_numpy()
    estimator = Estimator(SYSTEM, recipe, jobs=1).fit(X[~unseen], y[~unseen])
    assert np.mean(estimator.predict(X[unseen]) == y[unseen]) > 0.6
    again = Estimator(SYSTEM, recipe, jobs=1).fit(X[~unseen], y[~unseen])
    np.testing.assert_array_equal(estimator.predict_proba(X), again.predict_proba(X))


def test_dual_bilstm_takes_a_missing_transcript_as_empty(data):
    X, y = data
    some = X.assign(text=[None if row % 3 else text for row, text in enumerate(X["text"])])
    estimator = Estimator(SYSTEM, SYSTEM.recipe(**SMALL), jobs=1).fit(some, y)
    missing, empty = (
        estimator.predict_proba(X.iloc[:2].assign(text=[text, "glad"])) for text in (None, "")
    )
    np.testing.assert_array_equal(missing, empty)
    with pytest.raises(SerenadeError, match="column text is missing or empty"):
        Estimator(SYSTEM, SYSTEM.recipe(**SMALL), jobs=1).fit(X.drop(columns="text"), y)
    acoustic = SYSTEM.recipe(branches="acoustic", **SMALL | {"epochs": 1})
    Estimator(SYSTEM, acoustic, jobs=1).fit(X.drop(columns="text"), y)


@pytest.mark.parametrize("branches", ["both", "acoustic", "words"])
def test_reproduce_command_fills_the_tables_of_the_paper(root, vectors, branches):
    changes = {**SMALL, "branches": branches, "vectors": vectors, "epochs": 2}
    words = [word for field, value in changes.items() for word in ("--set", f"{field}={value}")]
    command = ["evaluate", "dual-bilstm", "iemocap", "--root", str(root), "--protocol", "session"]
    done = CliRunner().invoke(cli, [*command, "--jobs", "1", *words], catch_exceptions=False)
    assert done.exit_code == 0
    assert "session 5 | Ses05F, Ses05M | 80 | 20 |" in done.output
