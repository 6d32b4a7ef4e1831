"""Source-filter speech synthesiser for test material; `synthetic_corpus.py` is its interface.

`lexicon` converts text to phonemes and has their targets. `speakers` and `emotions` vary the voice,
`prosody` sets times and pitch, and `tracks` computes the course of each parameter.
`glottis` and `vocal_tract` compute the sound, and `render` calls them all.
"""
