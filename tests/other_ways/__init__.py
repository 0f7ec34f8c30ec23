"""Right answers to the exercises that go another way than the solutions: by exercise, each must pass."""

from tests.other_ways import basics, explaining, tasks

OTHER_WAYS = basics.WAYS | tasks.WAYS | explaining.WAYS
