"""The API described by itself: OpenAPI 3.1 made of what each route declares to read and to answer.

drf-spectacular writes it; here is only what it cannot know: where routes declare (`common.reads`, `common.answers`),
our fields, and the routes that pass outside of DRF.
"""
