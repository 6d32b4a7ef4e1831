"""Sparse auto-encoders, principal components, and feature maps of learnt kernels."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from serenade.systems.networks._sparse_coder import (  # noqa: E402
    Components,
    SparseCoder,
    SparseConvolution,
    draw_patches,
    mean_pool,
)

SETTINGS = {
    "share": 1 / 3,
    "patches": 200,
    "steps": 20,
    "sparsity": 0.1,
    "penalty": 1.0,
    "seed": 0,
}


def clips_of(count=9, dims=12, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dims, dims)) * np.linspace(3, 0.1, dims)[:, None]
    return [
        (rng.normal(size=(rng.integers(15, 30), dims)) @ mixing + 5).astype(np.float32)
        for _ in range(count)
    ]


def reference_loss(weights, patches, sparsity, penalty):
    """Compute equations 1 to 3 in NumPy, with their gradient by hand."""
    W1, b1, W2, b2 = weights
    k = len(patches)
    h = 1 / (1 + np.exp(-(patches @ W1.T + b1)))
    x = 1 / (1 + np.exp(-(h @ W2.T + b2)))
    found = h.mean(axis=0)
    divergence = sparsity * np.log(sparsity / found)
    divergence += (1 - sparsity) * np.log((1 - sparsity) / (1 - found))
    loss = ((patches - x) ** 2).sum() / k + penalty * divergence.sum()
    outer = 2 / k * (x - patches) * x * (1 - x)
    slope = penalty / k * (-sparsity / found + (1 - sparsity) / (1 - found))
    inner = (outer @ W2 + slope) * h * (1 - h)
    return loss, (inner.T @ patches, inner.sum(axis=0), outer.T @ h, outer.sum(axis=0))


def test_sparse_coder_loss_follows_the_equations():
    torch.manual_seed(0)
    coder = SparseCoder(8, 5, sparsity=0.07, penalty=2.5).double()
    for parameter in coder.parameters():
        torch.nn.init.normal_(parameter)
    patches = torch.rand(40, 8, dtype=torch.float64)
    loss = coder.loss(patches)
    loss.backward()
    weights = [parameter.detach().numpy() for parameter in coder.parameters()]
    expected, gradients = reference_loss(weights, patches.numpy(), 0.07, 2.5)
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    for parameter, gradient in zip(coder.parameters(), gradients, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("sparsity", [0.05, 0.2])
def test_sparse_coder_approaches_the_sparsity(sparsity):
    torch.manual_seed(0)
    patches = 0.5 + 0.13 * torch.randn(500, 4) @ torch.randn(4, 16) / 2
    patches = patches.clamp(0.1, 0.9)
    coder = SparseCoder(16, 6, sparsity=sparsity, penalty=10.0)
    before = coder.loss(patches).item()
    assert abs(coder(patches)[0].mean() - sparsity) > 0.2
    coder.fit(patches, 150)
    hidden, restored = coder(patches)
    assert hidden.mean(dim=0).tolist() == pytest.approx([sparsity] * 6, rel=0.2)
    assert coder.loss(patches).item() < before / 2
    # Better than the mean patch: the units tell something.
    error = (patches - restored).square().sum(dim=1).mean()
    assert error < 0.8 * (patches - patches.mean(dim=0)).square().sum(dim=1).mean()


def test_components_are_whitened_principal_components():
    decomposition = pytest.importorskip("sklearn.decomposition")
    clips = clips_of(40)
    ours = Components(12, 5).fit(clips)
    frames = np.concatenate(clips)
    theirs = decomposition.PCA(5, whiten=True).fit(frames.astype(np.float64))
    # scikit-learn divides by one frame less.
    expected = theirs.transform(frames) * np.sqrt(len(frames) / (len(frames) - 1))
    inside = (np.abs(expected) < 2.9).all(axis=1)
    found = ours(torch.from_numpy(frames)).numpy()
    np.testing.assert_allclose(np.abs(found[inside]), np.abs(expected[inside]), atol=1e-3)
    assert np.abs(found).max() <= 3


def test_components_are_finite_for_a_constant_column():
    clips = [np.full((20, 4), 2.0, np.float32)]
    assert torch.isfinite(Components(4, 3).fit(clips)(torch.from_numpy(clips[0]))).all()


def test_draw_patches_returns_stretches_of_one_clip():
    clips = [torch.arange(10.0)[:, None] + 100 * number for number in range(3)]
    patches = draw_patches(clips, 4, 200, np.random.default_rng(0))
    assert patches.shape == (200, 4)
    assert (patches.diff(dim=1) == 1).all()
    assert len(patches[:, 0].unique()) == 3 * 7
    short = draw_patches([torch.ones(2, 3)], 4, 1, np.random.default_rng(0))
    assert short.view(3, 4).tolist() == [[1, 1, 0, 0]] * 3


def test_sparse_convolution_equals_the_encoder():
    clips = clips_of()
    front = SparseConvolution(12, channels=4, kernels=(3,), units=5, window=1)
    front.pretrain(clips, **SETTINGS)
    image = front.components(torch.from_numpy(clips[0]))
    scaled = 0.5 + 0.4 / 3 * image  # what auto-encoders are shown
    layer = front.maps[0]
    weights = layer.weight / (0.4 / 3)
    bias = layer.bias - 0.5 * weights.sum(dim=(1, 2))
    patches = scaled.unfold(0, 3, 1).flatten(1)
    expected = (patches @ weights.flatten(1).T + bias).sigmoid()
    steps, real = front(torch.from_numpy(clips[0])[None], torch.ones(1, len(clips[0])).bool())
    found = steps[0] * front.deviation + front.centre
    torch.testing.assert_close(found[1:-1], expected, atol=1e-5, rtol=1e-4)
    assert real.all()
    assert not any(parameter.requires_grad for parameter in front.parameters())


def test_sparse_convolution_normalises_maps_of_training_clips():
    clips = clips_of()
    front = SparseConvolution(12, channels=4, kernels=(2, 5), units=3, window=4)
    front.pretrain(clips, **SETTINGS)
    steps = torch.cat(
        [front(torch.from_numpy(c)[None], torch.ones(1, len(c)).bool())[0][0] for c in clips]
    )
    assert steps.shape == (sum(-(-len(clip) // 4) for clip in clips), 6)
    torch.testing.assert_close(steps.mean(dim=0), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(steps.std(dim=0, correction=0), torch.ones(6), atol=1e-3, rtol=0)


def test_sparse_convolution_ignores_padding():
    clips = clips_of(4)
    front = SparseConvolution(12, channels=4, kernels=(3, 6), units=3, window=4)
    front.pretrain(clips, **SETTINGS)
    lengths = torch.tensor([len(clip) for clip in clips])
    mask = torch.arange(40) < lengths[:, None]
    padded = torch.full((4, 40, 12), 7.0)  # not even zeros
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(clip)
    steps, real = front(padded, mask)
    for found, known, clip in zip(steps, real, clips, strict=True):
        alone = front(torch.from_numpy(clip)[None], torch.ones(1, len(clip)).bool())[0][0]
        torch.testing.assert_close(found[known], alone, atol=1e-5, rtol=1e-5)
        assert not found[~known].any()


def test_mean_pool_takes_a_window_longer_than_a_clip():
    means, real = mean_pool(torch.tensor([[[2.0], [4.0]]]), torch.ones(1, 2).bool(), 5)
    assert (means.tolist(), real.tolist()) == ([[[3.0]]], [[True]])
