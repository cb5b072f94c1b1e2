"""Recipes: a goal, a few questions to its user, and out of the answers data, values and an acceptance test.

One module each, with its sentences; `registry` lists them, `making` makes files of them.
"""
