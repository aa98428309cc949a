"""Error backpropagation: the sweep beside the chain rule, written out by hand.

A small network with one hidden unit of each kind, every node with a name:

    a = w₁ x + b₁     h = relu(a)        a linear unit, a ReLU
    c = w₂ x + b₂     s = sigmoid(c)     a linear unit, a sigmoid
    z = v₁ h + v₂ s                      joined again
    L = log(1 + exp(-y z))               the logistic loss, y = -1 or +1

The forward path computes each node from those above. The backward path goes through the same nodes in reverse
and gives ∂L/∂n for every node n, each from the derivatives below it, which are computed once and used by all:
as many steps as the graph has edges.
"""

from __future__ import annotations

import math

import backsweep as bs


def main() -> float:
    # ---- The forward path. float64, so that the comparison shows all digits.
    leaves = {
        "x": 0.7,
        "w₁": 1.3,
        "b₁": 0.2,
        "w₂": -0.8,
        "b₂": 0.5,
        "v₁": 0.6,
        "v₂": -1.1,
    }
    y = -1.0
    node = {name: bs.tensor(value, dtype=bs.float64, requires_grad=True) for name, value in leaves.items()}
    node["a"] = node["w₁"] * node["x"] + node["b₁"]
    node["h"] = bs.relu(node["a"])
    node["c"] = node["w₂"] * node["x"] + node["b₂"]
    node["s"] = bs.sigmoid(node["c"])
    node["z"] = node["v₁"] * node["h"] + node["v₂"] * node["s"]
    node["L"] = bs.softplus(-y * node["z"])

    # ---- The backward path, by hand. Read upwards: each line uses the lines before it.
    n = {name: float(t.detach()) for name, t in node.items()}
    d = {"L": 1.0}
    d["z"] = d["L"] * -y / (1 + math.exp(y * n["z"]))
    d["v₁"], d["h"] = d["z"] * n["h"], d["z"] * n["v₁"]
    d["v₂"], d["s"] = d["z"] * n["s"], d["z"] * n["v₂"]
    d["a"] = d["h"] * (1.0 if n["a"] > 0 else 0.0)
    d["c"] = d["s"] * n["s"] * (1 - n["s"])
    d["w₁"], d["b₁"] = d["a"] * n["x"], d["a"]
    d["w₂"], d["b₂"] = d["c"] * n["x"], d["c"]
    d["x"] = d["a"] * n["w₁"] + d["c"] * n["w₂"]  # two ways lead from x to L: their parts add up

    # ---- The same by one sweep: the derivative of L by every node.
    names = list(node)
    gradients = bs.grad(node["L"], [node[k] for k in names], retain_graph=True)
    swept = dict(zip(names, map(float, gradients), strict=True))

    worst = max(abs(swept[k] - d[k]) for k in names)
    print("node       value    ∂L/∂node by hand    by the sweep")
    for k in names:
        print(f"{k:4s} {n[k]:11.6f} {d[k]:19.12f} {swept[k]:15.12f}")
    print(f"largest difference: {worst:.1e}")

    # ---- Any node by any node, and a derivative of a derivative.
    by_hand = n["s"] * (1 - n["s"]) * n["w₂"]
    s_by_x = bs.grad(node["s"], node["x"], create_graph=True)
    print(f"∂s/∂x   = {float(s_by_x):.12f}   by hand {by_hand:.12f}")
    second = float(bs.grad(s_by_x, node["x"]))
    second_by_hand = n["s"] * (1 - n["s"]) * (1 - 2 * n["s"]) * n["w₂"] ** 2
    print(f"∂²s/∂x² = {second:.12f}   by hand {second_by_hand:.12f}")
    return max(worst, abs(float(s_by_x) - by_hand), abs(second - second_by_hand))


if __name__ == "__main__":
    main()
