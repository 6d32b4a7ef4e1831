"""Hidden states of a frozen text encoder: ALBERT (Lan et al. 2020), or any on the hub."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import threading
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from serenade._hub import get_endpoint
from serenade.errors import MissingExtraError, ModelError
from serenade.extraction import get_file_state, hash_content
from serenade.features import TextFeature, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

ALBERT = "albert/albert-base-v2"
POOLINGS = ("mean", "none")

# Files of a model; none is a pickle or code.
_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
_BATCH = 32  # windows that are encoded at once
_LONGEST = 100_000  # tokenisers state 1e30 where they have no bound


@dataclasses.dataclass(frozen=True)
class TextEncoder(TextFeature):
    """Hidden states of a text's tokens, `(tokens, width)`, or their mean, `(1, width)`.

    The encoder's own special tokens ("[CLS]", "[SEP]") are among its tokens, so an empty text has
    a value: that of the special tokens alone. A missing text (None, NaN) has the same. A text
    longer than the encoder takes is encoded in consecutive windows, each by itself with its own
    special tokens; the mean is over the tokens of all. Nothing is cut off. Text in a language the
    encoder never saw is encoded from whatever pieces its vocabulary has, at worst from "unknown"
    tokens: it works, and tells as little as that sounds.

    Args:
        model: a hub id, or a folder as `save_pretrained` writes it. Weights are read from
            safetensors only, and no code of the model's is run.
        layer: 0 is the embeddings, the last the output; from the end where negative.
        pooling: "mean" over tokens, or "none".
    """

    located: ClassVar[tuple[str, ...]] = ("model",)

    model: str = ALBERT
    layer: int = -1
    pooling: str = "mean"

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise ModelError(
                f"pooling={self.pooling!r}: no such pooling; give {' or '.join(POOLINGS)}"
            )

    def identity(self) -> dict[str, object]:
        """Return the identity of the feature, with a hash of the model's files."""
        return super().identity() | {"encoder": fingerprint_text_encoder(self.model)}

    @property
    def names(self) -> tuple[str, ...]:
        """`text_0`, …: a column per unit."""
        return tuple(f"text_{unit}" for unit in range(_open_model(self.model).width))

    def batch(self, texts: Sequence[object]) -> list[NDArray[np.float32]]:
        """Encode texts; see `TextFeature.batch`.

        Windows of equal length share a batch, so none is padded and none changes another.

        Raises:
            ModelError: no such model or layer, or a model that cannot be used.
            MissingExtraError: transformers or PyTorch is not installed.
        """
        opened = _open_model(self.model)
        if not -opened.states <= self.layer < opened.states:
            raise ModelError(
                f"{self.model}: no layer {self.layer}; it has 0 to {opened.states - 1}"
            )
        windows = [_cut_windows(opened, to_text(text)) for text in texts]
        of_length: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for text, parts in enumerate(windows):
            for part, ids in enumerate(parts):
                of_length[len(ids)].append((text, part))
        states: dict[tuple[int, int], NDArray[np.float32]] = {}
        for places in of_length.values():
            for start in range(0, len(places), _BATCH):
                chosen = places[start : start + _BATCH]
                numbers = np.array([windows[text][part] for text, part in chosen], dtype=np.int64)
                states |= zip(chosen, _run(opened, numbers, self.layer), strict=True)
        whole = [
            np.concatenate([states[text, part] for part in range(len(parts))])
            for text, parts in enumerate(windows)
        ]
        if self.pooling == "mean":
            return [matrix.mean(axis=0, keepdims=True, dtype=np.float32) for matrix in whole]
        return whole


class _Opened(NamedTuple):
    """Loaded model with its properties."""

    tokeniser: Any
    network: Any
    longest: int  # tokens of a window, special ones included
    states: int
    width: int


def fingerprint_text_encoder(model: str) -> str:
    """Return a hash of a model's weights and tokeniser, which identifies it in caches.

    Raises:
        ModelError: no such model.
    """
    folder = locate_text_encoder(model)
    return _fingerprint(tuple((path.name, hash_content(path)) for path in _list_files(folder)))


@functools.lru_cache(maxsize=8)
def _fingerprint(contents: tuple[tuple[str, str], ...]) -> str:
    return hashlib.blake2b(repr(contents).encode(), digest_size=16).hexdigest()


def locate_text_encoder(model: str) -> Path:
    """Return the folder of a model's files; the files of a hub id are downloaded on first use.

    Args:
        model: a folder, or a hub id such as `albert/albert-base-v2`.

    Raises:
        ModelError: no such folder or model, no connection, or weights not in safetensors.
        MissingExtraError: huggingface_hub is not installed.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _download_model(model)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder}: no config.json with a .safetensors file; convert the model's weights "
            "(save_pretrained writes them so)"
        )
    return folder


@functools.lru_cache(maxsize=8)
def _download_model(model: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("downloading a text encoder", "text") from None
    get_endpoint()
    try:
        return Path(snapshot_download(model, allow_patterns=list(_FILES)))
    except Exception as error:  # noqa: BLE001 - of the hub, of the network, of the id's form
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{model}: no such folder, and not to be had from the hub ({reason}); give a folder "
            "with config.json, model.safetensors and the tokeniser's files"
        ) from None


def _list_files(folder: Path) -> list[Path]:
    return sorted({path for pattern in _FILES for path in folder.glob(pattern)})


def _open_model(model: str) -> _Opened:
    """Return a loaded model: one per process, loaded again if its files changed."""
    folder = locate_text_encoder(model)
    changed = tuple((path.name, get_file_state(path)) for path in _list_files(folder))
    with _LOCK:  # threads that begin together share one
        return _load(folder, changed)


_LOCK = threading.RLock()


@functools.lru_cache(maxsize=2)
def _load(folder: Path, changed: tuple[tuple[str, tuple[int, ...]], ...]) -> _Opened:  # noqa: ARG001 - the memory's key
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise MissingExtraError("a text encoder", "text") from None
    try:
        tokeniser = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        with _hide_bar():
            network = AutoModel.from_pretrained(
                folder, use_safetensors=True, trust_remote_code=False
            )
    except Exception as error:  # noqa: BLE001 - OSError, ValueError, KeyError and safetensors' own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder}: transformers cannot load it ({reason})") from None
    if not tokeniser.is_fast:
        raise ModelError(f"{folder}: no tokenizer.json; save its tokeniser in the fast format")
    config = network.config
    if config.is_encoder_decoder:
        network = network.get_encoder()
    network.float().eval().requires_grad_(requires_grad=False)
    layers, width = (getattr(config, name, 0) for name in ("num_hidden_layers", "hidden_size"))
    return _Opened(tokeniser, network, _find_longest_input(tokeniser, network), layers + 1, width)


@contextlib.contextmanager
def _hide_bar() -> Iterator[None]:
    """Without transformers' bar for weights, which are read within a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _find_longest_input(tokeniser: Any, network: Any) -> int:
    """Tokens that the encoder takes at once."""
    bounds = [_LONGEST, tokeniser.model_max_length]
    if positions := getattr(network.config, "max_position_embeddings", None):
        # RoBERTa and kin count positions from the padding's number on.
        padding = getattr(getattr(network, "embeddings", None), "padding_idx", None)
        bounds.append(positions - (0 if padding is None else padding + 1))
    return int(min(bounds))


def _cut_windows(opened: _Opened, text: str) -> list[list[int]]:
    """Token numbers of a text, in windows of at most the encoder's length."""
    with _LOCK:  # truncation is a state of the tokeniser
        encoded = opened.tokeniser(
            text,
            truncation=True,
            max_length=opened.longest,
            return_overflowing_tokens=True,
            return_attention_mask=False,
        )
    windows: list[list[int]] = encoded["input_ids"]
    # Without special tokens, an empty text has no tokens; it is replaced by one token.
    spare = opened.tokeniser.pad_token_id or 0
    return windows if any(windows) else [[spare]]


def _run(opened: _Opened, ids: NDArray[np.int64], layer: int) -> Iterable[NDArray[np.float32]]:
    """One layer's states of windows of equal length, `(windows, tokens, width)`."""
    import torch

    with torch.inference_mode():
        numbers = torch.from_numpy(ids)
        output = opened.network(
            input_ids=numbers,
            attention_mask=torch.ones_like(numbers),
            output_hidden_states=True,
        )
    states: NDArray[np.float32] = output.hidden_states[layer].numpy()
    return states
