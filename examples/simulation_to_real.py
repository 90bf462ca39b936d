"""How hard was the pendulum pushed? Learned from a simulation, then from a few records of a "real" pendulum.

    python examples/simulation_to_real.py

A record is 30 steps of a pendulum's angle, measured with some noise; what is asked for is the control signal, the
torque that its motor gave meanwhile. The "real" pendulum is longer and lighter and rubs more: what the simulation
taught is not quite right, and a few records of the real one put it right.
"""

from __future__ import annotations

import numpy as np

import punar

STEPS, DT, GRAVITY = 30, 0.05, 9.81
SIMULATED = {"length": 1.0, "mass": 1.0, "friction": 0.1, "noise": 0.02}
REAL = {"length": 1.2, "mass": 0.8, "friction": 0.25, "noise": 0.02}


def records(
    count: int, seed: int, *, length: float, mass: float, friction: float, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return records (count, steps, 1) of the angle, and the torque (count,) in each."""
    rng = np.random.default_rng(seed)
    torque, angle, speed = rng.uniform(-3, 3, count), rng.uniform(-1.5, 1.5, count), rng.uniform(-3, 3, count)
    found = np.empty((count, STEPS, 1), dtype=np.float32)
    for step in range(STEPS):
        inertia = mass * length**2
        speed = speed + DT * (torque / inertia - GRAVITY / length * np.sin(angle) - friction / inertia * speed)
        angle = angle + DT * speed
        found[:, step, 0] = angle
    return found + rng.normal(0, noise, found.shape).astype(np.float32), torque


def main() -> tuple[float, float]:
    """Return R² on the real pendulum, and the best that simulation or records reach alone."""
    settings = {"task": "regression", "hidden_size": 24, "learning_rate": 0.01, "random_state": 3, "evidence": "cheap"}
    few, test = records(16, 3, **REAL), records(300, 99, **REAL)
    model = punar.SequenceModel("gru", epochs=20, warm_start=True, **settings).fit(*records(600, 53, **SIMULATED))
    before = model.score(*test)
    scratch = punar.SequenceModel("gru", epochs=60, **settings).fit(*few).score(*test)
    after = model.set_params(epochs=40, learning_rate=0.003).fit(*few).score(*test)
    print(f"The real pendulum's torque, R² on {len(test[1])} records (the mean alone: 0.000)")
    print(f"  from the simulation alone     {before:6.3f}")
    print(f"  from {len(few[1])} real records alone     {scratch:6.3f}")
    print(f"  from both                     {after:6.3f}")
    return after, max(before, scratch, 0.0)


if __name__ == "__main__":
    main()
