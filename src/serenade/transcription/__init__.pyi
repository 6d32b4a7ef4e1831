from ._alignment import align as align
from ._alignment import count_word_errors as count_word_errors
from ._alignment import tokenise as tokenise
from ._asr import Transcriber as Transcriber
from ._asr import Transcript as Transcript
from ._transcripts import Recogniser as Recogniser
from ._transcripts import transcribe as transcribe
