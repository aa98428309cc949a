"""Hooks collect the activations of layers, and the gradients that come back; both enter the loss."""


def run(torch, draw):
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(draw(*p.shape)) * 0.6)
        p.tag = tuple(p.shape)

    activations, norms = {}, []

    def get_activation(name):
        def hook(module, input, output):
            activations[name] = output
            output.register_hook(lambda grad: norms.append(grad.norm().item()))

        return hook

    handles = [
        layer.register_forward_hook(get_activation(name))
        for name, layer in model.named_children()
        if isinstance(layer, (nn.ReLU, nn.Tanh))
    ]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    x, y = torch.from_numpy(draw(24, 4)), torch.from_numpy(draw(24, 1))
    losses = []
    for _ in range(20):
        loss = nn.functional.mse_loss(model(x), y)
        loss = loss + 0.01 * sum(a.abs().mean() for a in activations.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sorted(activations) == ["1", "3"]
    assert all(p.tag == tuple(p.shape) for p in model.parameters())
    for handle in handles:
        handle.remove()
    activations.clear()
    model(x)
    assert not activations
    return [*losses, sum(norms)]
