"""word2vec: skip-grams with negative samples."""

TEXT = (
    "the quick brown fox jumps over the lazy dog and the quick cat sleeps while the lazy dog barks at the "
    "brown fox that runs from the cat over the hill"
).split()


def run(torch, draw):
    nn = torch.nn
    F = torch.nn.functional

    class SkipGram(nn.Module):
        def __init__(self, vocab_size, emb_dim):
            super().__init__()
            self.in_embeddings = nn.Embedding(vocab_size, emb_dim)
            self.out_embeddings = nn.Embedding(vocab_size, emb_dim)
            self.in_embeddings.weight.data.copy_(torch.from_numpy(draw(vocab_size, emb_dim)) * 0.5)
            self.out_embeddings.weight.data.copy_(torch.from_numpy(draw(vocab_size, emb_dim)) * 0.5)

        def forward(self, center, context, negatives):
            v = self.in_embeddings(center)
            u = self.out_embeddings(context)
            positive = F.logsigmoid(torch.sum(v * u, dim=1))
            u_neg = self.out_embeddings(negatives)
            negative = F.logsigmoid(-torch.bmm(u_neg, v.unsqueeze(2)).squeeze(2)).sum(1)
            return -(positive + negative).mean()

    vocab = {w: i for i, w in enumerate(dict.fromkeys(TEXT))}
    pairs = [
        (vocab[w], vocab[TEXT[j]])
        for i, w in enumerate(TEXT)
        for j in range(max(0, i - 2), min(len(TEXT), i + 3))
        if j != i
    ]
    data = torch.tensor(pairs, dtype=torch.long)
    model = SkipGram(len(vocab), 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(8):
        total = 0.0
        for batch in torch.split(data, 32):
            noise = torch.from_numpy(abs(draw(len(batch), 4)) * 997.0)
            negatives = noise.long() % len(vocab)
            loss = model(batch[:, 0], batch[:, 1], negatives)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total)
    return losses
