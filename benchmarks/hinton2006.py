"""The 784-1000-500-250-30 autoencoder of Hinton and Salakhutdinov (2006), Fig. 2, trained by punar.

    python benchmarks/hinton2006.py --epochs 80 --write benchmarks/hinton2006.md

Figure of merit: summed squared error per test picture. The paper's: 3.00; PCA with 30 components: 13.87. Architecture
as in the paper (logistic hidden units, linear code, logistic output); only the training differs: AdamW at a high
learning rate that falls to zero, layers centred (``W (x - 0.5) + b``), cross-entropy, no pretraining.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from _mnist import load, machine
from sklearn.decomposition import PCA

import punar
from punar.networks.dense import Dense
from punar.objectives.reconstruction import Reconstruction


def squared_error(X: np.ndarray, reconstruction: np.ndarray) -> float:
    """Return the summed squared error per picture."""
    return float(((X - reconstruction) ** 2).sum(1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--learning-rate", type=float, default=8e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--validate", action="store_true", help="hold out 5,000 training pictures; no test figures")
    parser.add_argument("--checkpoint")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    train, test = load()
    if options.validate:
        train, test = train[:-5000], train[-5000:]
    pca = PCA(30, random_state=0).fit(train)
    linear = squared_error(test, pca.inverse_transform(pca.transform(test)))
    ae = punar.Autoencoder(
        Reconstruction(loss="bernoulli"),
        Dense(hidden=(1000, 500, 250), activation="sigmoid", residual=False),
        latent_dim=30,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        validation_fraction=0.0,
        random_state=0,
        verbose=1,
        device="cpu",
    )
    begun = time.perf_counter()
    ae.fit(train, checkpoint=options.checkpoint)
    minutes = (time.perf_counter() - begun) / 60
    figures = {
        "PCA, 30 components": linear,
        "paper, test (pretrained by RBMs)": 3.00,
        "punar, test": squared_error(test, ae.reconstruct(test)),
        "punar, training": squared_error(train[:10_000], ae.reconstruct(train[:10_000])),
    }
    lines = ["# Hinton and Salakhutdinov (2006), Fig. 2", "", "| model | squared error per picture |", "| --- | --- |"]
    lines += [f"| {name} | {value:.2f} |" for name, value in figures.items()]
    lines += [
        "",
        f"{options.epochs} epochs, batch {options.batch_size}, AdamW {options.learning_rate:g}, weight decay "
        f"{options.weight_decay:g}, cosine to zero; {minutes:.1f} minutes. {machine()}.",
        "",
        str(ae.fit_report_),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
