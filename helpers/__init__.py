"""The small package that all notebooks of the course import.

Arrows point one way: ``errors``, ``device``, ``bundle`` and ``sources`` at the bottom, then ``course``, ``padding``,
``metrics``, ``tasks``, ``embeddings``, ``viewers``, ``pretraining``, ``history`` and ``training``, with ``exercises`` on top.
Importing ``helpers`` itself loads nothing heavy; import the module you need.
"""

__version__ = "0.1.0"
