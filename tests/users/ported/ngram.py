"""A character n-gram by leaf tensors and indexing: names, made up letter by letter."""

NAMES = "emma olivia ava isabella sophia charlotte mia amelia harper evelyn abigail emily ella luna".split()


def run(torch, draw):
    F = torch.nn.functional
    chars = sorted(set("".join(NAMES)))
    stoi = {s: i + 1 for i, s in enumerate(chars)}
    stoi["."] = 0
    block_size = 3
    X, Y = [], []
    for w in NAMES:
        context = [0] * block_size
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    X, Y = torch.tensor(X), torch.tensor(Y)

    n = len(stoi)
    C = torch.from_numpy(draw(n, 2))
    W1 = torch.from_numpy(draw(6, 24)) * 0.4
    b1 = torch.from_numpy(draw(24)) * 0.1
    W2 = torch.from_numpy(draw(24, n)) * 0.2
    b2 = torch.zeros(n)
    parameters = [C, W1, b1, W2, b2]
    for p in parameters:
        p.requires_grad = True

    lossi = []
    for i in range(60):
        emb = C[X]
        h = torch.tanh(emb.view(-1, 6) @ W1 + b1)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Y)
        for p in parameters:
            p.grad = None
        loss.backward()
        lr = 0.3 if i < 40 else 0.03
        for p in parameters:
            p.data += -lr * p.grad
        lossi.append(loss.item())
    return lossi
