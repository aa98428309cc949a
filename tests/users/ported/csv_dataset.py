"""A Dataset over a file of comma-separated values, with transforms, a split, and loaders."""

import csv
import os
import tempfile


def run(torch, draw):
    nn = torch.nn
    Dataset, DataLoader = torch.utils.data.Dataset, torch.utils.data.DataLoader

    class TableDataset(Dataset):
        def __init__(self, csv_file, transform=None):
            with open(csv_file, newline="") as f:
                reader = csv.DictReader(f)
                self.rows = [(float(r["a"]), float(r["b"]), float(r["c"]), int(r["label"])) for r in reader]
            self.transform = transform

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, idx):
            if torch.is_tensor(idx):
                idx = idx.tolist()
            *features, label = self.rows[idx]
            sample = {"features": torch.tensor(features), "label": torch.tensor(label)}
            return self.transform(sample) if self.transform else sample

    def scaled(sample):
        return {"features": sample["features"] / 2.0, "label": sample["label"]}

    points = draw(70, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "points.csv")
        with open(path, "w", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(["a", "b", "c", "label"])
            for a, b, c in points.tolist():
                writer.writerow([a, b, c, int(a * b + c > 0)])
        dataset = TableDataset(path, transform=scaled)

    train = torch.utils.data.Subset(dataset, range(50))
    test = torch.utils.data.Subset(dataset, range(50, 70))
    train_loader = DataLoader(train, batch_size=16, shuffle=False, num_workers=0, drop_last=False)
    test_loader = DataLoader(test, batch_size=20)
    model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
    for p in model.parameters():
        p.data = torch.from_numpy(draw(*p.shape)) * 0.5
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)

    losses = []
    for _ in range(10):
        model.train()
        for i_batch, sample in enumerate(train_loader):
            assert sample["features"].size() == (16 if i_batch < 3 else 2, 3)
            loss = criterion(model(sample["features"]), sample["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        correct = 0
        with torch.no_grad():
            for sample in test_loader:
                out = model(sample["features"])
                correct += (out.argmax(dim=1) == sample["label"]).sum().item()
                losses.append(criterion(out, sample["label"]).item())
    assert correct > 10
    return losses
