"""Training that is interrupted and goes on from its checkpoint ends where training in one go does."""

import os
import tempfile


def run(torch, draw):
    nn = torch.nn
    x, y = torch.from_numpy(draw(32, 5)), torch.from_numpy(draw(32, 2))
    start = [draw(*shape) * 0.5 for shape in ((12, 5), (12,), (2, 12), (2,))]

    def made():
        model = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 2))
        for p, value in zip(model.parameters(), start):
            p.data.copy_(torch.from_numpy(value))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
        return model, optimizer, scheduler

    def train(model, optimizer, scheduler, epochs, path=None):
        losses = []
        for epoch in epochs:
            for i in range(0, 32, 8):
                loss = nn.functional.mse_loss(model(x[i : i + 8]), y[i : i + 8])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if path is not None:
                state = {
                    "epoch": epoch,
                    "model_state_dict": model.state_dict(),
                    "optimizer_state_dict": optimizer.state_dict(),
                    "scheduler_state_dict": scheduler.state_dict(),
                    "loss": loss.item(),
                    "note": "after the epoch",
                }
                torch.save(state, path)
        return losses

    whole = train(*made(), range(12))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint.pt")
        train(*made(), range(6), path)
        model, optimizer, scheduler = made()
        checkpoint = torch.load(path, map_location="cpu")
        model.load_state_dict(checkpoint["model_state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
        scheduler.load_state_dict(checkpoint["scheduler_state_dict"])
        assert checkpoint["note"] == "after the epoch"
        assert checkpoint["loss"] == whole[5]
        losses = train(model, optimizer, scheduler, range(checkpoint["epoch"] + 1, 12))
    assert losses == whole[6:], (losses, whole[6:])
    return whole
