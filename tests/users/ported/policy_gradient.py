"""REINFORCE: a policy pushes a point along a line to the middle, and learns from rewards alone."""

import numpy as np


class Line:
    """Position and speed; the actions are pushes to the left and to the right."""

    def __init__(self, start):
        self.state = np.array([start, 0.0], dtype=np.float32)

    def step(self, action):
        x, v = self.state
        v = np.float32(0.9) * v + (0.1 if action == 1 else -0.1)
        self.state = np.array([x + v, v], dtype=np.float32)
        return self.state, float(-abs(self.state[0])), abs(self.state[0]) > 3.0


def run(torch, draw):
    nn = torch.nn
    Categorical = torch.distributions.Categorical

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.affine1 = nn.Linear(2, 16)
            self.dropout = nn.Dropout(p=0.0)
            self.affine2 = nn.Linear(16, 2)
            self.saved_log_probs = []
            self.rewards = []

        def forward(self, x):
            x = self.affine1(x)
            x = self.dropout(x)
            x = nn.functional.relu(x)
            return nn.functional.softmax(self.affine2(x), dim=1)

    policy = Policy()
    with torch.no_grad():
        for p in policy.parameters():
            p.copy_(torch.from_numpy(draw(*p.shape)) * 0.5)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    eps = np.finfo(np.float32).eps.item()

    def select_action(state):
        probs = policy(torch.from_numpy(state).float().unsqueeze(0))
        m = Categorical(probs)
        # m.sample(), by a number that is given
        action = torch.tensor([int(abs(draw(1)[0]) % 1.0 > probs[0, 0].item())])
        policy.saved_log_probs.append(m.log_prob(action))
        return action.item()

    losses = []
    for episode in range(10):
        env = Line(1.0 if episode % 2 else -1.0)
        for _ in range(25):
            _, reward, done = env.step(select_action(env.state))
            policy.rewards.append(reward)
            if done:
                break
        R, returns, policy_loss = 0, [], []
        for r in policy.rewards[::-1]:
            R = r + 0.95 * R
            returns.insert(0, R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        for log_prob, R in zip(policy.saved_log_probs, returns):
            policy_loss.append(-log_prob * R)
        optimizer.zero_grad()
        policy_loss = torch.cat(policy_loss).sum()
        policy_loss.backward()
        optimizer.step()
        del policy.rewards[:]
        del policy.saved_log_probs[:]
        losses.append(policy_loss.item())
    return losses
