"""What an engine heard becomes what people write: figures, punctuation, simplified characters.

No number that was not said ever appears, and the engine's own text is kept beside the written one.
"""

from gateway.speech.text.form import TextForm
from gateway.speech.text.guard import Guard
from gateway.speech.text.writing import Change, Written, written

__all__ = ["Change", "Guard", "TextForm", "Written", "written"]
