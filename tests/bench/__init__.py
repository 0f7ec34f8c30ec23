"""Measurements that go into the course's tables: ``python -m tests.bench`` lists them."""
