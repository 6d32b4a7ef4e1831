from ._pretrain import pretrain as pretrain
from ._record import About as About
from ._record import Watch as Watch
from ._recordings import gather_recordings as gather_recordings
from ._spoken_words import gather_spoken_words as gather_spoken_words
from ._train_speech2vec import train_speech2vec as train_speech2vec
