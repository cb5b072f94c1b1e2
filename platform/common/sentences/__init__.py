"""Sentences that are stored or travel in English, declared here so that pages can say them in the reader's language."""

from common.sentences import data, house, models, training

SENTENCES: tuple[str, ...] = data.SENTENCES + training.SENTENCES + models.SENTENCES + house.SENTENCES
