"""A policy is a categorical latent: Gumbel-Softmax against the score function where the best policy is known.

    python docs/examples/policy.py -o docs/images/policy.png

Two control tasks small enough to be solved exactly. A bandit: six arms, one pull. A grid world: four by four fields, four
moves, eight steps from one corner to the other, past a pit. A policy has one row of logits a state; an action is a draw of
`CategoricalLatent`, and the gradient of the expected return is that of the draw:

- relaxed (Jang, Gu, Poole 2017): the return of a mixture of actions, which leads to a mixture of states;
- straight-through: the return of the hard action, with the relaxed one's gradient;
- score function (Williams 1992), without a baseline and with a moving average of the return;
- exact: the expected return itself, differentiated.

The best return is found by dynamic programming (Bellman 1957).
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from matplotlib.figure import Figure

from vae_tf.quiet import quiet_imports

with quiet_imports():
    import tensorflow as tf

    from vae_tf.evaluation.figures import save_figure, styled
    from vae_tf.models import CategoricalLatent

    tf.constant(0)  # starts the devices, which have messages of their own

BATCH = 32
LEARNING_RATE = 0.1
AVERAGING = 0.9


@dataclass(frozen=True)
class Task:
    """A finite task with known dynamics, from state 0.

    Attributes:
        name: for the figure.
        rewards: [S, A], of an action in a state.
        moves: [S, A, S], one-hot: the next state.
        horizon: actions of an episode.
    """

    name: str
    rewards: np.ndarray
    moves: np.ndarray
    horizon: int

    def best_return(self) -> float:
        """Return what the best policy earns, by dynamic programming from the last action backwards."""
        value = np.zeros(len(self.rewards))
        for _ in range(self.horizon):
            value = np.max(self.rewards + self.moves @ value, axis=1)
        return float(value[0])


def bandit() -> Task:
    """Six arms with fixed rewards."""
    rewards = np.array([[0.1, 0.5, 0.3, 0.9, 0.7, 0.2]], np.float32)
    return Task("bandit, 6 arms", rewards, np.ones((1, 6, 1), np.float32), 1)


def grid_world(side: int = 4, pit: int = 6) -> Task:
    """From corner to corner: 1 for arriving, -1 for the pit, where an episode ends too, -0.02 a step."""
    states, goal = side * side, side * side - 1
    rewards, moves = np.zeros((states, 4), np.float32), np.zeros((states, 4, states), np.float32)
    for state in range(states):
        row, column = divmod(state, side)
        for action, (down, right) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
            to = min(max(row + down, 0), side - 1) * side + min(max(column + right, 0), side - 1)
            to = state if state in (goal, pit) else to
            moves[state, action, to] = 1.0
            if state not in (goal, pit):
                rewards[state, action] = {goal: 1.0, pit: -1.0}.get(to, 0.0) - 0.02
    return Task("grid world, 8 steps", rewards, moves, 8)


def expected_return(task: Task, logits: tf.Tensor) -> tf.Tensor:
    """Return the exact expected return of a stochastic policy [S, A], a scalar."""
    policy, moves = tf.nn.softmax(logits), tf.constant(task.moves)
    state = tf.one_hot([0], len(task.rewards))
    total = tf.constant(0.0)
    for _ in range(task.horizon):
        total += tf.reduce_sum(state * tf.reduce_sum(policy * task.rewards, axis=1))
        state = tf.einsum("bs,sa,sat->bt", state, policy, moves)
    return total


def play(task: Task, logits: tf.Tensor, latent: CategoricalLatent, draw: str, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Play a batch of episodes with the actions that a draw gives.

    Returns:
        Rewards and log probabilities of the actions (0 for relaxed ones), [horizon, B].
    """
    latent.training_draw = draw
    state = tf.one_hot(tf.zeros([BATCH], tf.int32), len(task.rewards))
    rewards, log_probs = [], []
    for step in range(task.horizon):
        q = latent.posterior(state @ logits)
        action, _ = latent.training_sample(q, tf.random.experimental.stateless_fold_in(seed, step))
        rewards.append(tf.einsum("bs,ba,sa->b", state, action, tf.constant(task.rewards)))
        log_probs.append(latent.log_prob(q, action) if draw == "hard" else tf.zeros([BATCH]))
        state = tf.einsum("bs,ba,sat->bt", state, action, tf.constant(task.moves))
    return tf.stack(rewards), tf.stack(log_probs)


def pathwise(draw: str) -> Callable[..., tf.Tensor]:
    """Return the loss whose gradient goes through the actions."""

    def loss(task: Task, logits: tf.Tensor, latent: CategoricalLatent, seed: tf.Tensor, baseline: tf.Variable) -> tf.Tensor:
        del baseline
        rewards, _ = play(task, logits, latent, draw, seed)
        return -tf.reduce_mean(tf.reduce_sum(rewards, axis=0))

    return loss


def score_function(has_baseline: bool) -> Callable[..., tf.Tensor]:
    """Return the surrogate whose gradient is the score function's: log probabilities times what was earned from there on."""

    def loss(task: Task, logits: tf.Tensor, latent: CategoricalLatent, seed: tf.Tensor, baseline: tf.Variable) -> tf.Tensor:
        rewards, log_probs = play(task, logits, latent, "hard", seed)
        to_go = tf.stop_gradient(tf.cumsum(rewards, axis=0, reverse=True))
        advantage = to_go - baseline[: task.horizon, tf.newaxis] if has_baseline else to_go
        surrogate = -tf.reduce_mean(tf.reduce_sum(log_probs * tf.stop_gradient(advantage), axis=0))
        baseline.assign(AVERAGING * baseline + (1.0 - AVERAGING) * tf.reduce_mean(to_go, axis=1))
        return surrogate

    return loss


def exact(task: Task, logits: tf.Tensor, latent: CategoricalLatent, seed: tf.Tensor, baseline: tf.Variable) -> tf.Tensor:
    """Return the loss without sampling."""
    del latent, seed, baseline
    return -expected_return(task, logits)


ESTIMATORS: dict[str, Callable[..., tf.Tensor]] = {
    "exact": exact,
    "gumbel_softmax": pathwise("relaxed"),
    "st_gumbel_softmax": pathwise("st_relaxed"),
    "score_function": score_function(has_baseline=False),
    "score_function, baseline": score_function(has_baseline=True),
}


def learn(task: Task, estimator: str, updates: int, seed: int, temperature: float = 0.5) -> np.ndarray:
    """Train a policy; return the exact expected return after every update, [updates + 1]."""
    logits = tf.Variable(tf.zeros(task.rewards.shape))
    baseline = tf.Variable(tf.zeros([task.horizon]))
    latent = CategoricalLatent(1, task.rewards.shape[1], temperature=temperature)
    optimizer = tf.optimizers.Adam(LEARNING_RATE)
    optimizer.build([logits])
    loss = ESTIMATORS[estimator]

    @tf.function
    def update(step: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(task, tf.convert_to_tensor(logits), latent, tf.stack([seed, step]), baseline)
        optimizer.apply([tape.gradient(value, logits)], [logits])
        return expected_return(task, tf.convert_to_tensor(logits))

    start = float(expected_return(task, tf.convert_to_tensor(logits)))
    return np.array([start, *(float(update(tf.constant(step))) for step in range(updates))])


@styled
def draw_figure(tasks: list[Task], curves: dict[tuple[str, str], np.ndarray]) -> Figure:
    """Draw mean curves over seeds with their range, and the best return."""
    figure = Figure(figsize=(10.0, 3.6))
    for axis, task in zip(figure.subplots(1, len(tasks)), tasks, strict=True):
        for name in ESTIMATORS:
            runs = curves[task.name, name]
            axis.plot(runs.mean(axis=0), label=name, linewidth=1.4)
            axis.fill_between(range(runs.shape[1]), runs.min(axis=0), runs.max(axis=0), alpha=0.15)
        axis.axhline(task.best_return(), linestyle=":", color="#7a8794")
        axis.set(title=task.name, xlabel="updates of 32 episodes", ylabel="expected return")
    figure.axes[-1].legend(loc="lower right", fontsize=8)
    return figure


def in_words(last: dict[str, dict[str, float]]) -> str:
    """Return the expected returns after learning, a line an estimator."""
    lines = []
    for task, numbers in last.items():
        lines.append(f"{task}: expected return after learning")
        lines += [f"  {name:<26} {value:6.3f}" for name, value in numbers.items()]
    return "\n".join(lines)


def main() -> None:
    """Learn with every estimator, write the figure, and print the last expected returns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="FILE.png or FILE.svg")
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the expected returns as JSON")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    tasks, curves = [bandit(), grid_world()], {}
    for task in tasks:
        for name in ESTIMATORS:
            runs = [learn(task, name, arguments.updates, seed) for seed in range(arguments.seeds)]
            curves[task.name, name] = np.stack(runs)
    save_figure(draw_figure(tasks, curves), arguments.output)
    last = {
        task.name: {"best": task.best_return(), **{name: float(curves[task.name, name][:, -1].mean()) for name in ESTIMATORS}}
        for task in tasks
    }
    print(json.dumps(last, indent=2) if arguments.json else in_words(last))


if __name__ == "__main__":
    main()
