from ._alignment import align as align
from ._asr import Transcriber as Transcriber
from ._asr import Transcript as Transcript
from ._tokens import count_word_errors as count_word_errors
from ._tokens import tokenise as tokenise
from ._transcripts import Recogniser as Recogniser
from ._transcripts import transcribe as transcribe
