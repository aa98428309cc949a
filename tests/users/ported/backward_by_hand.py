"""A backward pass written by hand, each step held against `retain_grad`; the network learns by it."""


def run(torch, draw):
    F = torch.nn.functional
    n, classes = 16, 5
    X = torch.from_numpy(draw(n, 6))
    Y = torch.from_numpy(abs(draw(n)) * 997.0).long() % classes
    W1 = torch.from_numpy(draw(6, 12)) * 0.4
    W2 = torch.from_numpy(draw(12, classes)) * 0.3
    b2 = torch.from_numpy(draw(classes)) * 0.1
    bngain = torch.from_numpy(draw(1, 12)) * 0.1 + 1.0
    bnbias = torch.from_numpy(draw(1, 12)) * 0.1
    parameters = [W1, W2, b2, bngain, bnbias]
    for p in parameters:
        p.requires_grad = True

    worst = 0.0

    def cmp(dt, t):
        nonlocal worst
        worst = max(worst, (dt - t.grad).abs().max().item())

    losses = []
    for _ in range(20):
        hprebn = X @ W1
        bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
        bndiff = hprebn - bnmeani
        bnvar = 1 / (n - 1) * (bndiff**2).sum(0, keepdim=True)
        bnvar_inv = (bnvar + 1e-5) ** -0.5
        bnraw = bndiff * bnvar_inv
        hpreact = bngain * bnraw + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        logit_maxes = logits.max(1, keepdim=True).values
        counts = (logits - logit_maxes).exp()
        probs = counts / counts.sum(1, keepdims=True)
        logprobs = probs.log()
        loss = -logprobs[range(n), Y].mean()

        for p in parameters:
            p.grad = None
        kept = [logprobs, probs, logits, h, hpreact, bnraw, bnvar_inv, hprebn]
        for t in kept:
            t.retain_grad()
        loss.backward()

        with torch.no_grad():
            dlogprobs = torch.zeros_like(logprobs)
            dlogprobs[range(n), Y] = -1.0 / n
            cmp(dlogprobs, logprobs)
            cmp((1.0 / probs) * dlogprobs, probs)
            dlogits = F.softmax(logits, 1)
            dlogits[range(n), Y] -= 1
            dlogits /= n
            cmp(dlogits, logits)
            dh, dW2, db2 = dlogits @ W2.T, h.T @ dlogits, dlogits.sum(0)
            cmp(dh, h)
            dhpreact = (1.0 - h**2) * dh
            cmp(dhpreact, hpreact)
            dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
            dbnbias = dhpreact.sum(0, keepdim=True)
            cmp(bngain * dhpreact, bnraw)
            cmp((bndiff * bngain * dhpreact).sum(0, keepdim=True), bnvar_inv)
            dhprebn = (bngain * bnvar_inv / n) * (
                n * dhpreact - dhpreact.sum(0) - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0)
            )
            cmp(dhprebn, hprebn)
            grads = [X.T @ dhprebn, dW2, db2, dbngain, dbnbias]
            for p, grad in zip(parameters, grads):
                cmp(grad, p)
                p.data += -0.5 * grad
        losses.append(loss.item())
    assert worst < 1e-5, worst
    return losses
