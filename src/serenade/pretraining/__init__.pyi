from ._pretrain import pretrain as pretrain
from ._recordings import Recordings as Recordings
from ._recordings import gather_recordings as gather_recordings
from ._run_records import CardDetails as CardDetails
from ._run_records import Watch as Watch
from ._spoken_words import SpokenWords as SpokenWords
from ._spoken_words import gather_spoken_words as gather_spoken_words
from ._train_speech2vec import train_speech2vec as train_speech2vec
