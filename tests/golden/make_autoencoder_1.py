"""Write the golden folder and the answers that it must give. Run once per format, never to make a test pass."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_iris

import punar
from punar.networks.dense import Dense
from punar.objectives.variational import Variational

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    frame: pd.DataFrame = load_iris(as_frame=True).data.rename(columns={"sepal length (cm)": "बाह्यदल (cm)"})
    model = punar.Autoencoder(Variational(beta=0.5), Dense(hidden=(8,)), latent_dim=2, epochs=20, random_state=0).fit(
        frame
    )
    punar.save(model, HERE / "autoencoder-1")
    rows = frame.iloc[::30]
    answers = {
        "columns": list(rows.columns),
        "rows": rows.to_numpy().tolist(),
        "codes": model.transform(rows).tolist(),
        "reconstructions": model.reconstruct(rows).tolist(),
    }
    (HERE / "autoencoder-1.json").write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
