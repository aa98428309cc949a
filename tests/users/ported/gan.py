"""A generative adversarial network learns points on a ring."""

import math


def run(torch, draw):
    nn = torch.nn

    class Generator(nn.Module):
        def __init__(self, noise, hidden):
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(noise, hidden),
                nn.LeakyReLU(0.2),
                nn.Linear(hidden, hidden),
                nn.LeakyReLU(0.2),
                nn.Linear(hidden, 2),
            )

        def forward(self, z):
            return self.net(z)

    class Discriminator(nn.Module):
        def __init__(self, hidden):
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(2, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1), nn.Sigmoid()
            )

        def forward(self, x):
            return self.net(x)

    def weights_init(m):
        if isinstance(m, nn.Linear):
            m.weight.data.copy_(torch.from_numpy(draw(*m.weight.shape)) * 0.3)
            m.bias.data.fill_(0.0)

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    netG, netD = Generator(4, 16).to(device), Discriminator(16).to(device)
    netG.apply(weights_init)
    netD.apply(weights_init)
    criterion = nn.BCELoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    batch, losses = 32, []
    for _ in range(25):
        angles = torch.from_numpy(draw(batch)) * math.pi
        real = torch.stack([angles.cos(), angles.sin()], dim=1).to(device)

        netD.zero_grad()
        label = torch.full((batch,), 1.0, device=device)
        errD_real = criterion(netD(real).view(-1), label)
        errD_real.backward()
        fake = netG(torch.from_numpy(draw(batch, 4)).to(device))
        label.fill_(0.0)
        errD_fake = criterion(netD(fake.detach()).view(-1), label)
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        label.fill_(1.0)
        errG = criterion(netD(fake).view(-1), label)
        errG.backward()
        optimizerG.step()
        losses.append((errD_real + errD_fake).item() + errG.item())
    return losses
