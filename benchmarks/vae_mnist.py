"""Negative log-likelihood of a VAE on MNIST whose pixels are sampled as Bernoulli.

    python benchmarks/vae_mnist.py --epochs 100 --write benchmarks/vae_mnist.md

Training pixels are drawn anew for every batch, test pixels once with a fixed seed; nothing is thresholded. The
likelihood is importance-weighted (Burda et al. 2016) with 500 samples or more. Published figures for a plain VAE
(one gaussian layer, ELBO): 89.8 to 89.9 nats.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from _mnist import load, machine

import punar
from punar.networks.dense import Dense
from punar.objectives.variational import Variational

PUBLISHED = (89.8, 89.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--hidden", type=int, nargs="*", default=[512, 512])
    parser.add_argument("--latent-dim", type=int, default=40)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--pictures", type=int, default=2000, help="random test pictures to measure on")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--checkpoint")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    train, test = load()
    rng = np.random.default_rng(1234)
    chosen = rng.choice(len(test), options.pictures, replace=False)
    sampled = (rng.random((options.pictures, 784)) < test[chosen]).astype(np.float32)
    vae = punar.Autoencoder(
        Variational(likelihood="bernoulli", binarize=True, warmup=0.15),
        Dense(hidden=tuple(options.hidden), activation="silu", residual=False),
        latent_dim=options.latent_dim,
        epochs=options.epochs,
        batch_size=128,
        learning_rate=options.learning_rate,
        weight_decay=0.0,
        validation_fraction=1 / 60,
        early_stopping=False,
        random_state=0,
        verbose=1,
        device="cpu",
    )
    begun = time.perf_counter()
    vae.fit(train, checkpoint=options.checkpoint)
    trained = time.perf_counter()
    bound = -float(vae.elbo(sampled, n_samples=10).mean())
    nats = -vae.log_likelihood(sampled, n_samples=options.samples)
    minutes = (trained - begun) / 60, (time.perf_counter() - trained) / 60
    mean, error = float(nats.mean()), float(nats.std(ddof=1) / np.sqrt(len(nats)))
    rate = train.mean(0).clip(1e-3, 1 - 1e-3)
    naive = -float((sampled * np.log(rate) + (1 - sampled) * np.log(1 - rate)).sum(1).mean())
    widths = "-".join(map(str, [784, *options.hidden, options.latent_dim]))
    lines = [
        "# VAE on MNIST, pixels sampled as Bernoulli",
        "",
        "| model | nats per test picture (lower is better) |",
        "| --- | --- |",
        f"| each pixel's own rate (no model) | {naive:.1f} |",
        f"| published plain VAE | {PUBLISHED[0]}-{PUBLISHED[1]} |",
        f"| punar, -log p(x), {options.samples} importance samples | {mean:.2f} ± {error:.2f} (standard error) |",
        f"| punar, -ELBO | {bound:.2f} |",
        "",
        f"Gap to the published {PUBLISHED[0]}: {mean - PUBLISHED[0]:+.2f} nats. {options.pictures:,} random test "
        f"pictures, drawn once. Dense {widths} and its mirror, SiLU, {options.epochs} epochs, batch 128, AdamW "
        f"{options.learning_rate:g}, cosine to zero, KL warm-up over the first 15 %; {minutes[0]:.1f} minutes of "
        f"training, {minutes[1]:.1f} of measuring. {machine()}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
