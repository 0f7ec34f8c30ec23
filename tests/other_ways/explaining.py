"""Chapters 12 to 15."""

import torch


def other_head(attention):
    """Loops, and a list for the pair."""
    layers, heads, tokens, _ = attention.shape
    shares = {
        (layer, head): sum(attention[layer, head, i, i - 1].item() for i in range(1, tokens))
        for layer in range(layers)
        for head in range(heads)
    }
    return list(max(shares, key=shares.get))


def other_rollout(attention):
    """From the top down, and the residual as a share of what is below."""
    found = torch.eye(attention.shape[-1], dtype=torch.float64)
    for layer in attention.double().flip(0):
        found = 0.5 * (found @ layer.mean(0)) + 0.5 * found
    return found


def other_silence(context, silent, heads):
    parts = context.chunk(heads, dim=-1)
    return torch.cat([part * (head not in silent) for head, part in enumerate(parts)], dim=-1)


def other_gradient(classify, vectors, targets):
    """A text at a time."""
    found = []
    for vector, target in zip(vectors, targets, strict=True):
        point = vector[None].clone().requires_grad_()
        found.append(torch.autograd.grad(classify(point)[0, target], point)[0])
    return torch.cat(found)


def other_occlusion(score, ids, owners, mask_id):
    """A list of numbers, from copies that are lists."""
    whole, words = score(ids[None]).item(), max(owner for owner in owners if owner is not None) + 1
    rows = [[mask_id if o == word else i for i, o in zip(ids.tolist(), owners, strict=True)] for word in range(words)]
    return [whole - score(torch.tensor([row])).item() for row in rows]


def other_integrated(score, start, end, steps):
    """Backwards along the way, with backward()."""
    shares = torch.linspace(1 - 0.5 / steps, 0.5 / steps, steps)
    points = torch.stack([torch.lerp(start, end, share) for share in shares]).requires_grad_()
    score(points).mean().backward()
    return (end - start) * points.grad.sum(0)


def other_steps(integrated, score, start, end, tolerance):
    """A tensor for the number; one point in a batch of its own."""
    for power in range(20):
        gap = integrated(score, start, end, 2**power).sum() - score(end[None])[0] + score(start[None])[0]
        if gap.abs() < tolerance:
            return torch.tensor(2**power)


def other_kernel(kept, width):
    cosine = torch.cosine_similarity(kept.float(), torch.ones(1, kept.shape[1]))
    return torch.sqrt(torch.exp(-((100 * (1 - cosine)) ** 2) / width**2))


def other_stability(runs, k):
    """All pairs in both directions, as a matrix."""
    top = torch.zeros_like(runs).scatter(1, runs.topk(k).indices, 1.0)
    common = top @ top.T / k
    return (common.sum() - common.trace()) / (len(runs) * (len(runs) - 1))


def other_fall(predict, scores):
    """By the rank of each word, without a loop."""
    rank = scores.argsort(descending=True).argsort()
    kept = rank[None] > torch.arange(len(scores))[:, None]
    return (predict(torch.ones(1, len(scores))) - predict(kept.float())).mean().item()


def other_interval(values, rows):
    """By counting places in a sorted list."""
    means = sorted(values[row].mean().item() for row in rows)
    return means[int(0.025 * len(means))], means[int(0.975 * len(means))]


def other_fertility(words, cut):
    """Tensors of single precision."""
    known = torch.tensor([len(cut(word)) for word in words if "[UNK]" not in cut(word)])
    return torch.tensor([known.float().mean(), 1 - len(known) / len(words)])


def other_mask(tokens, window):
    half = window // 2
    return torch.ones(tokens, tokens, dtype=torch.bool).triu(-half).tril(half)


def other_fusion(scores, constant):
    """How many passages are better, counted."""
    return sum(1 / (constant + 1 + (own[:, None] > own[:, :, None]).sum(-1)) for own in scores)


def other_team(confidence, right, person, share):
    rows = sorted(zip(confidence, right, person, strict=True))
    handed = round(share * len(rows))
    return sum(bool(p if place < handed else r) for place, (_, r, p) in enumerate(rows)) / len(rows)


WAYS = {
    "12.1": other_head,
    "12.2": lambda attention: torch.distributions.Categorical(probs=attention).entropy().mean(-1),
    "12.3": other_rollout,
    "12.4": other_silence,
    "13.1": other_gradient,
    "13.2": other_occlusion,
    "13.3": other_integrated,
    "13.4": other_steps,
    "14.1": other_kernel,
    "14.2": other_stability,
    "14.3": other_fall,
    "14.4": other_interval,
    "15.1": other_fertility,
    "15.2": other_mask,
    "15.3": other_fusion,
    "15.4": other_team,
}
