"""What is said to people: a code with its parameters, which becomes a sentence when it is read.

Pure standard library, so that every process (Django, trainer, serving) says things in the same way. Each package keeps
one `Catalogue` in its `messages.py`; whoever reads translates with `gettext` (in Django: `common.wording`).
"""

from wording.catalogue import Catalogue, Plural, Sentence, plural, sentence
from wording.message import AS_WRITTEN, Message, as_written, received

__all__ = ["AS_WRITTEN", "Catalogue", "Message", "Plural", "Sentence", "as_written", "plural", "received", "sentence"]
