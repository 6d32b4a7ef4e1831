"""The style of all figures: colours, fonts for any script, and settings for print."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade._atomic import write_atomically
from serenade.errors import MissingExtraError, SerenadeError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from matplotlib.figure import Figure

COLOURS = ("#d55e00", "#e69f00", "#999999", "#0072b2", "#cc79a7", "#009e73", "#f0e442", "#56b4e9")
"""Colours of Okabe & Ito, which differ with any colour vision; the web page has the same."""

SUFFIXES = (".png", ".svg", ".pdf")
"""Suffixes of files that figures are written to."""

_VOLATILE = {".png": "Software", ".pdf": "CreationDate", ".svg": "Date"}  # differ between runs

_STYLE: dict[Any, object] = {
    "font.size": 8,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "text.parse_math": False,  # names of files and labels may contain dollar signs
    # Fonts are embedded as text, which journals ask for; with the salt, the same figure gives the
    # same bytes.
    "pdf.fonttype": 42,
    "svg.hashsalt": "serenade",
}
# Fonts with Chinese, Japanese and Korean characters, of Linux, macOS and Windows.
_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP"),
    *("Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "IPAexGothic", "IPAGothic"),
    *("Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "SimHei", "Arial Unicode MS", "Unifont"),
)


def get_colour(number: int) -> str:
    """Return the colour of the emotion with a number; the colours repeat after eight."""
    return COLOURS[number % len(COLOURS)]


def check_figure(path: str | os.PathLike[str]) -> None:
    """Check that a figure can be drawn and has a known suffix, before work that takes long.

    Args:
        path: file of the figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
        SerenadeError: the suffix is unknown.
    """
    _require_matplotlib()
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SerenadeError(
            f"{path}: the figure cannot be written to this kind of file; "
            f"end the name with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )


def write_figure(figure: Figure, path: Path, dpi: float | None = None) -> Path:
    """Write a figure; the same figure gives the same bytes.

    Args:
        figure: figure that was made in `use_style`, and is written there.
        path: the file, with one of `SUFFIXES`; its folder is created if it is missing.
        dpi: dots per inch; None for those of the figure.

    Raises:
        OSError: the file cannot be written.
    """
    kind = path.suffix.lower()
    content = io.BytesIO()
    figure.savefig(content, format=kind[1:], dpi=dpi or "figure", metadata={_VOLATILE[kind]: None})
    return write_atomically(path, content.getvalue())


@contextlib.contextmanager
def use_style() -> Iterator[None]:
    """Draw in the style of all figures; figures are made and written inside the block.

    Characters that the usual font lacks are drawn with other fonts, if some are installed. Without
    such a font, these characters are boxes; matplotlib's warning for each is left out.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    _require_matplotlib()
    from matplotlib import rc_context, rcParams

    families = [*rcParams["font.family"], *_list_fonts()]
    with warnings.catch_warnings(), rc_context({**_STYLE, "font.family": families}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _require_matplotlib() -> None:
    try:
        found = importlib.util.find_spec("matplotlib")
    except ValueError:  # `sys.modules` has a module without a specification
        found = None
    if found is None:
        raise MissingExtraError("drawing figures", "plot")


@functools.cache
def _list_fonts() -> tuple[str, ...]:
    """Return the names of installed fonts with many characters."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _FONTS if name in installed)
