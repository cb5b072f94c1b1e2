"""One meaning of a conversation: template, token ids, mask of what is learned, stop tokens, and one hash over it all.

Pure: tokenizers, Jinja's sandbox and numpy; no Django, no torch. The data page, the trainer and every engine use it.
"""

from chat.acceptance import AcceptanceTest, StoredTest, Verdict, verdict
from chat.builtin_templates import BUILTIN_TEMPLATES
from chat.chat_format import ChatFormat
from chat.conversation import Conversation, Message, ToolCall, WrittenMessage
from chat.documents import LINES_AT_ONCE, document_key, join_lines, pack_documents
from chat.encoding import StreamDecoder
from chat.errors import ChatError
from chat.packing import Packed, Plain, as_conversation, pack, plain_key
from chat.parsing import parse_messages, parse_row
from chat.rendered import Rendered
from chat.split import copies_of, in_phase, in_validation, parse_data_split, part_of
from chat.system_choice import SystemChoice
from chat.token_cache import TokenCache, TokenCacheWriter

__all__ = [
    "BUILTIN_TEMPLATES",
    "LINES_AT_ONCE",
    "AcceptanceTest",
    "ChatError",
    "ChatFormat",
    "Conversation",
    "Message",
    "Packed",
    "Plain",
    "Rendered",
    "StoredTest",
    "StreamDecoder",
    "SystemChoice",
    "TokenCache",
    "TokenCacheWriter",
    "ToolCall",
    "Verdict",
    "WrittenMessage",
    "as_conversation",
    "copies_of",
    "document_key",
    "in_phase",
    "in_validation",
    "join_lines",
    "pack",
    "pack_documents",
    "parse_data_split",
    "parse_messages",
    "parse_row",
    "part_of",
    "plain_key",
    "verdict",
]
