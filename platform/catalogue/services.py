"""Use cases of the catalogue."""

from catalogue.chat_formats import chat_format

__all__ = ["chat_format"]
