"""Choose fonts for figures whose labels may be of any script."""

from __future__ import annotations

import contextlib
import functools
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fonts with Chinese, Japanese and Korean characters, of Linux, macOS and Windows.
_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP"),
    *("Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "IPAexGothic", "IPAGothic"),
    *("Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "SimHei", "Arial Unicode MS", "Unifont"),
)


@contextlib.contextmanager
def use_fonts() -> Iterator[None]:
    """Draw characters that the usual font lacks with other fonts, where some are installed.

    Figures are made and written inside the block. Without such a font, these characters are boxes;
    matplotlib's warning for each is left out.
    """
    try:
        from matplotlib import rc_context, rcParams
    except ImportError:  # whatever is drawn inside names the missing extra
        yield
        return

    families = [*rcParams["font.family"], *_list_fonts()]
    with warnings.catch_warnings(), rc_context({"font.family": families}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@functools.cache
def _list_fonts() -> tuple[str, ...]:
    """Return the names of installed fonts with many characters."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _FONTS if name in installed)
