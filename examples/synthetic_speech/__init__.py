"""A source-filter speech synthesiser for test material; `synthetic_corpus.py` is its interface.

`lexicon` (text to phonemes) and `phonemes` (their targets) say what is spoken, `speakers` and
`emotions` by whom and how, `prosody` when and at which pitch, `tracks` what every parameter does
over time; `glottis` and `vocal_tract` make the sound and `render` puts it together.
"""
