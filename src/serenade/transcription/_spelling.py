"""Guess the sounds of English words that are not in the dictionary."""

from __future__ import annotations

import re

# Letters to sounds of the CMU dictionary, the longest match first. English spelling is not regular:
# this only has to take about as long and sound about as the word does, for its place to be found.
_LETTERS = (
    "tion=SH AH N, sion=ZH AH N, ture=CH ER, igh=AY, tch=CH, dge=JH, sch=SH, eau=OW, ch=CH, "
    "sh=SH, th=TH, ph=F, wh=W, ck=K, ng=NG, qu=K W, kn=N, wr=R, ee=IY, ea=IY, oo=UW, ou=AW, "
    "ow=OW, oi=OY, oy=OY, ai=EY, ay=EY, au=AO, aw=AO, ie=IY, ei=EY, ey=IY, oa=OW, er=ER, ir=ER, "
    "ur=ER, ar=AA R, or=AO R, a=AE, b=B, c=K, d=D, e=EH, f=F, g=G, h=HH, i=IH, j=JH, k=K, l=L, "
    "m=M, n=N, o=AA, p=P, q=K, r=R, s=S, t=T, u=AH, v=V, w=W, x=K S, y=IY, z=Z, "
)
_DIGITS = (
    "0=Z IH R OW, 1=W AH N, 2=T UW, 3=TH R IY, 4=F AO R, 5=F AY V, 6=S IH K S, 7=S EH V AH N, "
    "8=EY T, 9=N AY N, "
)
_SOUNDS = dict(pair.split("=") for pair in (_LETTERS + _DIGITS).strip(", ").split(", "))
_PIECE = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_SILENT_END = re.compile(r"(?<=[aeiouy][bcdfgklmnprstvz])e$")
_DOUBLED = re.compile(r"([bcdfgjklmnpqrstvwxz])\1+")
_LONG_DRAWN = re.compile(r"(\w)\1{2,}")


def guess_sounds(word: str) -> str:
    """Guess the sounds of a word in the CMU dictionary's notation; empty without Latin letters.

    Digits are spoken one by one, a silent e at the end and doubled consonants once.

    >>> guess_sounds("zorgblat"), guess_sounds("ohhhh"), guess_sounds("27")
    ('Z AO R G B L AE T', 'AA HH', 'T UW S EH V AH N')
    >>> guess_sounds("да")
    ''
    """
    letters = _LONG_DRAWN.sub(r"\1", word.lower())
    letters = _SILENT_END.sub("", _DOUBLED.sub(r"\1", letters))
    return " ".join(_SOUNDS[piece] for piece in _PIECE.findall(letters))
