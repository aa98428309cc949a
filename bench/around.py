#!/usr/bin/env python3
"""What it costs to compile a part of a training step, and run the rest around it op by op.

    python bench/around.py [--only ROW,..] [--threads N]

The rows of bench/steps.py that train. `net`: the model is compiled; `net, loss`: it and the loss, as two
functions; `forward`: both as one; `step`: the whole step. Times of each over that of the eager step.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from steps import ROWS, Row, measure, micro, module_loss, optimizer_of, pin

PARTS = ("eager", "net", "net, loss", "forward", "step")


def step_of(row: Row, part: str) -> tuple[Callable[[], Any], int]:
    import backsweep as bs
    from backsweep import nn

    bs.manual_seed(0)
    model = row.network.module(nn, nn.functional)
    optimizer = optimizer_of(row, bs.optim, model.parameters())
    x, y = (bs.tensor(a) for a in row.data())
    net: Any = bs.compile(lambda x: model(x)) if part.startswith("net") else model
    loss_of: Any = module_loss(row, nn.functional)
    loss_of = bs.compile(loss_of) if part == "net, loss" else loss_of

    def forward(x: Any, y: Any) -> Any:
        return loss_of(net(x), y)

    forward = bs.compile(forward) if part == "forward" else forward

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        if row.clip:
            nn.utils.clip_grad_norm_(model.parameters(), row.clip)
        optimizer.step()
        return loss

    run: Any = bs.compile(step) if part == "step" else step
    return lambda: run(x, y), 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", metavar="ROW,..", help="default: all that take under 20 ms")
    parser.add_argument("--seconds", type=float, default=0.5, help="per part and row")
    args = parser.parse_args()
    trained = [name for name, row in ROWS.items() if not row.infer and "2048" not in name]
    pin(args.threads)
    import backsweep as bs

    bs.set_num_threads(args.threads)
    print(f"| row | {' | '.join(PARTS)} |\n|---|{'---:|' * len(PARTS)}")
    for name in args.only.split(",") if args.only else trained:
        times = measure({part: step_of(ROWS[name], part) for part in PARTS}, args.seconds, rounds=7)
        eager = times["eager"].least
        cells = [f"{micro(eager)} us", *(f"{times[part].least / eager:.2f}" for part in PARTS[1:])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
