"""Did it learn? The answer that every fit gives, beside the untrained network, the mean and PCA."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from punar.baselines import pca_reconstruction
from punar.data.steps import are_sequences
from punar.errors import TrainingDivergedError
from punar.texts import fit as texts
from punar.training import report as reports
from punar.training.report import MOST_ROWS, FitReport

Module = TypeVar("Module", bound=nn.Module)

# Shares of the fit's time for fitting PCA and for the forward passes, five per cent together.
_PCA_SHARE = 0.01
_PASSES_SHARE = 0.02


def pca_rows(n: int, width: int, components: int, work: int) -> int:
    """Return on how many training rows PCA is fitted: a small share of the fit's arithmetic.

    Counted, not timed, so that the same fit gives the same report. ``work`` is the multiply-adds of one forward pass
    over all rows that training saw; training did three times as many, and two operations each.
    """
    flops_per_row = 32.0 * width * (min(components, width) + 10)
    affordable = int(_PCA_SHARE * 6 * work / flops_per_row)
    return min(n, MOST_ROWS, max(200, 4 * components, affordable))


def measured_rows(n: int, seen: int) -> int:
    """Return how many of ``n`` rows are measured, where training saw ``seen`` rows over all epochs.

    A row costs five forward passes here, and three in training.
    """
    return min(n, MOST_ROWS, max(300, int(_PASSES_SHARE * seen * 3 / 5)))


def measure(
    module: Module,
    untrained: Module,
    encode: Callable[[Module, Tensor], Tensor],
    decode: Callable[[Module, Tensor], Tensor],
    losses: Callable[[Module, Tensor], float],
    rows: Tensor,
    mean: Tensor,
    training_sample: Tensor,
    *,
    latent_dim: int,
    held_out: bool,
) -> FitReport:
    """Compare the fitted module with the untrained one, the training mean and PCA of the same code size.

    Parameters
    ----------
    module, untrained : nn.Module
        After and before training.
    encode, decode : callable
        ``(module, rows)`` -> codes, and ``(module, codes)`` -> rows in the scaled space.
    losses : callable
        ``(module, rows)`` -> the training loss per row.
    rows : Tensor of shape (m, *shape)
        Scaled rows to measure on. Of sequences only what is not NaN counts, and PCA sees the mean in its place.
    mean : Tensor of shape (*shape)
        Scaled mean of the training rows, the constant answer.
    training_sample : Tensor of shape (r, *shape)
        Scaled training rows on which PCA is fitted.
    latent_dim : int
    held_out : bool
        Whether ``rows`` were kept out of training.
    """
    flat, missing = rows.flatten(1), None
    if are_sequences(rows):
        flat, missing = _filled(rows, mean)
        training_sample = _filled(training_sample, mean)[0]
    spread = _squares(flat, mean.flatten(), missing).sum().item()
    codes = encode(module, rows)
    errors = _squares(decode(module, codes).flatten(1), flat, missing)
    before = _squares(decode(untrained, encode(untrained, rows)).flatten(1), flat, missing)
    few = rows[: max(1, len(rows) // 3)]
    report = FitReport(
        rows=len(rows),
        rows_from=reports.HELD_OUT if held_out else reports.TRAINING,
        loss=losses(module, few if not held_out else rows),
        loss_untrained=losses(untrained, few if not held_out else rows),
        explained_variance=_share(errors, spread),
        explained_variance_untrained=_share(before, spread),
        explained_variance_pca=None,
        parameters_moved=_moved(module, untrained),
        features=flat.shape[1],
    )
    if missing is not None:
        report["share_filled_for_pca"] = float(missing.double().mean())
    if not math.isfinite(report["explained_variance"]) or not math.isfinite(report["loss"]):
        raise TrainingDivergedError(
            f"The fitted model's outputs are not finite (loss {report['loss']:g}). Lower learning_rate (a tenth is a "
            "good next try), or set gradient_clip=1.0."
        )
    varies = spread > 0 and bool((training_sample != training_sample[:1]).any())
    if varies and latent_dim < flat.shape[1] and len(training_sample) > latent_dim:
        pca_errors = _pca_errors(training_sample, flat, latent_dim, missing)
        report["explained_variance_pca"] = _share(pca_errors, spread)
        report["pca_interval"] = _interval((pca_errors - errors) / max(spread / len(flat), 1e-300))
    still = (codes - codes[:1]).abs().amax(0) <= 1e-6 * codes.abs().max().clamp_min(1e-12)
    report["dead_units"] = int(still.sum()) if len(codes) > 1 else 0
    report["distinct_codes"] = len({row.tobytes() for row in codes.cpu().numpy()})
    report["code_width"] = latent_dim
    report["learned"] = spread <= 0 or report["explained_variance"] > max(0.0, report["explained_variance_untrained"])
    report["verdict"] = _verdict(report, constant=spread <= 0)
    return report


def _squares(a: Tensor, b: Tensor, missing: Tensor | None = None) -> Tensor:
    """Return the summed squared difference per row, without what is missing."""
    squares = (a - b).square_()
    return (squares if missing is None else squares.masked_fill_(missing, 0.0)).sum(1).double()


def _filled(rows: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Return flat rows with the mean in the place of NaN, and where that is."""
    missing = rows.isnan()
    return torch.where(missing, mean, rows).flatten(1), missing.flatten(1)


def _share(errors: Tensor, spread: float) -> float:
    total = float(errors.sum())
    if spread <= 0:
        return 1.0 if total <= 1e-12 * max(1, len(errors)) else 0.0
    return 1.0 - total / spread


def _moved(module: nn.Module, untrained: nn.Module) -> float:
    """Return the length of the change of all parameters, relative to their length before."""
    pairs = list(zip(module.parameters(), untrained.parameters(), strict=True))
    moved = sum(float((a.detach() - b.detach()).double().square().sum()) for a, b in pairs)
    size = sum(float(b.detach().double().square().sum()) for _, b in pairs)
    return math.sqrt(moved / size) if size > 0 else 0.0


def _pca_errors(training_sample: Tensor, flat: Tensor, components: int, missing: Tensor | None) -> Tensor:
    found = pca_reconstruction(training_sample.flatten(1).cpu().numpy(), flat.cpu().numpy(), components)
    return _squares(torch.from_numpy(found).to(flat.device), flat, missing)


def _interval(differences: Tensor) -> list[float] | None:
    """Return the 95 % interval of the mean of paired differences over rows; one row has none."""
    values = differences.double().cpu().numpy()
    if len(values) < 2:
        return None
    half = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return [float(values.mean()) - half, float(values.mean()) + half]


def _verdict(report: FitReport, *, constant: bool) -> str:
    if constant:
        return texts.VERDICT_CONSTANT_DATA
    model, untrained = report["explained_variance"], report["explained_variance_untrained"]
    facts: dict[str, Any] = {
        "model": model,
        "untrained": max(untrained, -9.99),
        "rows": report["rows"],
        "which": reports.which(report["rows_from"]),
        "width": report["code_width"],
        "pca": report["explained_variance_pca"],
    }
    if report["learned"]:
        text = texts.VERDICT_LEARNED.format(**facts)
    else:
        note = texts.VERDICT_UNTRAINED.format(**facts) if untrained > 0 else ""
        text = texts.VERDICT_DID_NOT_LEARN.format(**facts | {"untrained": note})
    if report["code_width"] >= report["features"]:
        text += texts.VERDICT_OVERCOMPLETE
    elif report["explained_variance_pca"] is not None:
        low, high = report["pca_interval"] or (-math.inf, math.inf)
        text += reports.says(
            low,
            high,
            better=texts.VERDICT_BEATS_PCA,
            worse=texts.VERDICT_LOSES_TO_PCA,
            equal=texts.VERDICT_EQUALS_PCA,
        ).format(**facts)
        if report.get("share_filled_for_pca"):
            text += texts.VERDICT_FILLED.format(share=report["share_filled_for_pca"])
    if report["dead_units"]:
        text += texts.VERDICT_DEAD_UNITS.format(dead=report["dead_units"], width=report["code_width"])
    if report["distinct_codes"] <= report["rows"] // 2:
        text += texts.VERDICT_SAME_CODES.format(distinct=report["distinct_codes"], rows=report["rows"])
    return text
