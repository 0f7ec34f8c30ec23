"""Explanations of what a model does: attention, gradients, LIME, and the tests that they have to stand.

One file each: ``words`` (the unit: a score a word), ``inputs``, ``attention``, ``gradients``, ``lime``, ``trials``.
"""
