"""The words of the city: streets, communities, agencies and topics that callers are likely to say.

They tell an engine what to expect, keep names from being rewritten as numbers, and are what
misheard places are compared with. They never replace anything that was heard.
"""

from gateway.speech.lexicon.reading import load_lexicon, read_lexicon
from gateway.speech.lexicon.words import Lexicon

__all__ = ["Lexicon", "load_lexicon", "read_lexicon"]
