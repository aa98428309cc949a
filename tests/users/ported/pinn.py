"""A physics-informed network solves u'' = -pi^2 sin(pi x), u(0) = u(1) = 0, by L-BFGS."""

import math


def run(torch, draw):
    nn = torch.nn

    class PINN(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.activation = nn.Tanh()
            self.linears = nn.ModuleList([nn.Linear(a, b) for a, b in zip(layers[:-1], layers[1:])])
            for linear in self.linears:
                linear.weight.data = torch.from_numpy(draw(*linear.weight.shape)).double() * 0.7
                linear.bias.data = torch.zeros(linear.bias.shape, dtype=torch.float64)

        def forward(self, x):
            for linear in self.linears[:-1]:
                x = self.activation(linear(x))
            return self.linears[-1](x)

    model = PINN([1, 10, 10, 1]).double()
    x = torch.linspace(0, 1, 32, dtype=torch.float64).reshape(-1, 1)
    x.requires_grad_(True)
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    optimizer = torch.optim.LBFGS(
        model.parameters(), lr=1.0, max_iter=8, history_size=20, line_search_fn="strong_wolfe"
    )
    losses = []

    def closure():
        optimizer.zero_grad()
        u = model(x)
        du = torch.autograd.grad(u, x, grad_outputs=torch.ones_like(u), create_graph=True)[0]
        ddu = torch.autograd.grad(du, x, grad_outputs=torch.ones_like(du), create_graph=True)[0]
        residual = ddu + math.pi**2 * torch.sin(math.pi * x)
        loss = (residual**2).mean() + (model(ends) ** 2).mean()
        loss.backward()
        return loss

    for _ in range(4):
        losses.append(optimizer.step(closure).item())
    losses.append(closure().item())
    return losses
