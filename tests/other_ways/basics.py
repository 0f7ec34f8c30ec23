"""Chapters 00 to 06, and 11."""

import itertools
import random
import re

import torch


def other_attention(query, key, value, mask):
    scores = torch.einsum("bhqd,bhkd->bhqk", query, key) / query.shape[-1] ** 0.5
    return (scores + (mask[:, None, None, :] == 0) * -1e9).softmax(dim=-1) @ value


def other_masking(input_ids, special, mask_id, vocab_size):
    chosen = (torch.rand(input_ids.shape) < 0.15) & ~special
    to_mask = chosen & (torch.rand(input_ids.shape) < 0.8)
    to_draw = chosen & ~to_mask & (torch.rand(input_ids.shape) < 0.5)
    ids = input_ids.masked_fill(to_mask, mask_id)
    ids[to_draw] = torch.randint(5, vocab_size, (int(to_draw.sum()),))
    return ids, input_ids.masked_fill(~chosen, -100)


def other_pairs(documents):
    for d, document in enumerate(documents):
        others = [other for o, other in enumerate(documents) if o != d]
        for first, second in itertools.pairwise(document):
            if random.random() < 0.5:
                yield first, second, 0
            else:
                yield first, random.choice(random.choice(others)), 1


def other_neighbours(vectors, row, k):
    return torch.cosine_similarity(vectors, vectors[row : row + 1]).argsort(descending=True)[1 : k + 1]


def other_share(cosine, vectors):
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return ((unit @ unit.T)[tuple(torch.triu_indices(len(unit), len(unit), 1))] < cosine).float().mean()


def other_rates(model, rate, decay):
    """A group may hold a single parameter, as the optimizer takes that for a list of one."""
    groups, depth = [], model.config.num_hidden_layers
    for name, p in model.named_parameters():
        if p.requires_grad:
            layer = re.search(r"layer\.(\d+)", name)
            down = depth + 1 if ".embeddings." in name else depth - int(layer[1]) if layer else 0
            groups.append({"params": p, "lr": rate * decay**down})
    return groups


WAYS = {
    "0.1": lambda sentence: len(re.findall(r"\[MASK\]", sentence)),
    "1.2": other_attention,
    "1.3": lambda x, heads: torch.stack(x.chunk(heads, dim=-1), dim=1),
    "2.1": other_masking,
    "2.2": other_pairs,
    "3.2": other_neighbours,
    "3.3": other_share,
    "11.4": other_rates,
}
