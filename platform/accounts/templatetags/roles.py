"""What the reader of a page may do."""

from django import template

from accounts.roles import Powers

register = template.Library()


@register.filter
def change(may: Powers, author_id: int | None) -> bool:
    """`{% if may|change:file.created_by_id %}`: whether the reader may change or delete it."""
    return may.change(author_id)
