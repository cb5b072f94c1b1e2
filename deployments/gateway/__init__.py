"""From a question to its answer: who may ask, which replica answers, what is passed on and counted."""
